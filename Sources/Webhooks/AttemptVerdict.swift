package import Core
package import HTTPClient

/// What an attempt's result means for its delivery and for its endpoint. Pure.
package struct AttemptVerdict: Hashable, Sendable {
    package enum Delivery: Hashable, Sendable {
        case delivered
        /// An attempt is used; the schedule says when the next one is, if any.
        case failed
        /// No attempt is used: the endpoint asked for a pause of this length.
        case postponed(Duration)
        /// No attempt will help, or the receiver wants none.
        case dead(reason: String)
        /// Nothing was sent, because we are stopping: no attempt is used.
        case notSent
    }

    package enum Endpoint: Hashable, Sendable {
        case unchanged
        case paused(Duration)
        case disabled(reason: String)
    }

    /// A receiver may not keep us waiting longer, nor make us come back faster.
    package static let pauseRange: ClosedRange<Duration> = .seconds(1)...(.seconds(10 * 3600))

    package let delivery: Delivery
    package let endpoint: Endpoint
    /// Why there was no 2xx: the client's class of failure or `status`; `nil` for a success.
    package let failureClass: String?

    /// Of an attempt that was begun and not made, since it would have had to wait for others to the same endpoint.
    package static func crowdedOut(for wait: Duration) -> AttemptVerdict {
        AttemptVerdict(delivery: .postponed(wait), endpoint: .unchanged, failureClass: "crowded_out")
    }

    private init(delivery: Delivery, endpoint: Endpoint, failureClass: String) {
        self.delivery = delivery
        self.endpoint = endpoint
        self.failureClass = failureClass
    }

    /// What it says of the endpoint's strength.
    func ending(of delivery: BegunDelivery, _ result: HTTPClientResult) -> EndpointWindow.Ending {
        if let failure = result.failure?.kind {
            return [.timeoutConnect, .timeoutFirstByte, .timeoutBody].contains(failure) ? .strained : .other
        }
        let status = result.status ?? 0
        if status == 429 || status >= 500 { return .strained }
        let isQuick = Int64(result.timings.totalMicroseconds) < delivery.timeout.milliseconds * 500
        return self.delivery == .delivered && isQuick ? .quick : .other
    }

    /// - Parameter now: this host's time, for a `Retry-After` that is a date.
    package init(_ result: HTTPClientResult, now: EpochMilliseconds) {
        failureClass = result.failure?.kind.rawValue ?? (result.isSuccess ? nil : "status")
        if let failure = result.failure {
            endpoint = .unchanged
            delivery = Self.delivery(after: failure.kind)
            return
        }
        let wish = result.header("webhook-delivery")?.lowercased()
        let pause = Self.pause(result, now)
        if result.isSuccess {
            delivery = .delivered
        } else if result.status == 410 || wish == "disable" {
            delivery = .dead(reason: "endpoint_gone")
        } else if wish == "abort-message" {
            delivery = .dead(reason: "aborted_by_receiver")
        } else {
            delivery = pause.map { .postponed($0) } ?? .failed
        }
        if result.status == 410 {
            endpoint = .disabled(reason: "it answered 410")
        } else if wish == "disable" {
            endpoint = .disabled(reason: "it answered webhook-delivery: disable")
        } else {
            endpoint = pause.map { .paused($0) } ?? .unchanged
        }
    }

    private static func delivery(after failure: HTTPFailure.Kind) -> Delivery {
        switch failure {
        case .blocked: .dead(reason: "blocked_destination")
        case .invalid: .dead(reason: "invalid_request")
        case .cancelled: .notSent
        case .dns, .connect, .tls, .timeoutConnect, .timeoutFirstByte, .timeoutBody, .reset, .tooLarge, .other: .failed
        }
    }

    /// 429 and 503 with a `Retry-After` that can be read.
    private static func pause(_ result: HTTPClientResult, _ now: EpochMilliseconds) -> Duration? {
        guard result.status == 429 || result.status == 503,
            let after = result.header("retry-after").flatMap({ RetryAfter.parse($0, now: now) })
        else { return nil }
        return min(max(after, pauseRange.lowerBound), pauseRange.upperBound)
    }
}
