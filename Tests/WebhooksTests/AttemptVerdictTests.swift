import Core
import HTTPClient
import Testing

@testable import Webhooks

@Suite struct AttemptVerdictTests {
    private let now = EpochMilliseconds(rfc3339: "1994-11-06T08:49:00Z") ?? EpochMilliseconds(rawValue: 0)

    private func verdict(
        _ status: Int?, _ headers: [String] = [], failure: HTTPFailure.Kind? = nil
    ) -> AttemptVerdict {
        var result = HTTPClientResult()
        result.status = status
        result.headerBytes = Array((["HTTP/1.1 \(status ?? 0) x"] + headers).joined(separator: "\r\n").utf8)
        result.failure = failure.map { HTTPFailure($0, "test") }
        return AttemptVerdict(result, now: now)
    }

    @Test(arguments: [200, 201, 204, 299]) func a2xxIsDelivered(_ status: Int) {
        let verdict = verdict(status)
        #expect(verdict.delivery == .delivered && verdict.endpoint == .unchanged && verdict.failureClass == nil)
    }

    @Test(arguments: [301, 302, 307, 400, 401, 404, 408, 422, 429, 500, 502, 503, 504])
    func otherAnswersFailAndAreTriedAgain(_ status: Int) {
        let verdict = verdict(status)
        #expect(verdict.delivery == .failed && verdict.endpoint == .unchanged && verdict.failureClass == "status")
    }

    @Test func goneEndsTheDeliveryAndDisablesTheEndpoint() {
        let verdict = verdict(410)
        #expect(verdict.delivery == .dead(reason: "endpoint_gone"))
        #expect(verdict.endpoint == .disabled(reason: "it answered 410"))
    }

    @Test(arguments: [
        ("0", 1), ("1", 1), ("120", 120), ("36000", 36_000), ("36001", 36_000), ("99999999999999999999", 36_000),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 37), ("Sun, 06 Nov 1994 08:00:00 GMT", 1),
    ])
    func retryAfterPausesTheEndpointAndUsesNoAttempt(_ text: String, _ seconds: Int) {
        for status in [429, 503] {
            let verdict = verdict(status, ["Retry-After: \(text)"])
            #expect(verdict.delivery == .postponed(.seconds(seconds)) && verdict.endpoint == .paused(.seconds(seconds)))
        }
    }

    @Test(arguments: ["", "-1", "1.5", "soon", "Sun, 06 Nov 1994 08:49:37", "Sun, 31 Feb 1994 08:49:37 GMT"])
    func aRetryAfterThatCannotBeReadCountsAsNone(_ text: String) {
        #expect(verdict(429, ["Retry-After: \(text)"]).delivery == .failed)
    }

    @Test func retryAfterOfOtherAnswersMeansNothing() {
        #expect(verdict(500, ["Retry-After: 10"]).delivery == .failed)
    }

    @Test func theReceiversWishesAreHonoured() {
        #expect(verdict(400, ["webhook-delivery: abort-message"]).delivery == .dead(reason: "aborted_by_receiver"))
        let disabling = verdict(500, ["Webhook-Delivery: disable"])
        #expect(disabling.delivery == .dead(reason: "endpoint_gone"))
        #expect(disabling.endpoint == .disabled(reason: "it answered webhook-delivery: disable"))
        #expect(verdict(200, ["webhook-delivery: disable"]).delivery == .delivered)
    }

    @Test(arguments: HTTPFailure.Kind.allCases) func failuresWithoutAnAnswer(_ kind: HTTPFailure.Kind) {
        let verdict = verdict(nil, failure: kind)
        #expect(verdict.failureClass == kind.rawValue && verdict.endpoint == .unchanged)
        switch kind {
        case .blocked: #expect(verdict.delivery == .dead(reason: "blocked_destination"))
        case .invalid: #expect(verdict.delivery == .dead(reason: "invalid_request"))
        case .cancelled: #expect(verdict.delivery == .notSent)
        default: #expect(verdict.delivery == .failed)
        }
    }
}
