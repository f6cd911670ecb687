/// How the relay answered.
package struct SMTPResult: Sendable, Timed {
    /// The last reply's code, such as 250; `nil` when there was none.
    package var replyCode: Int?
    /// `nil` when the relay has taken the message for every recipient.
    package var failure: HTTPFailure?
    package var timings = HTTPClientResult.Timings()

    package init() {}

    /// Whether trying again cannot help: a 5xx reply, or a message that cannot be sent.
    package var isPermanent: Bool {
        failure != nil && (replyCode.map { (500..<600).contains($0) } ?? (failure?.kind == .invalid))
    }
}
