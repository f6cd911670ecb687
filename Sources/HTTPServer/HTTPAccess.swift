/// What an access log may tell of one answered request: no query, no header, no body, for these hold secrets.
package struct HTTPAccess: Sendable {
    /// How it ended.
    package enum Outcome: String, Sendable {
        /// The last byte of the answer was handed to the kernel.
        case answered
        /// The connection broke, or was ended, before that.
        case aborted
        /// The server answered in the handler's place: a limit, a deadline, or no HTTP at all.
        case refused
    }

    package let requestID: String
    /// Empty when the request was refused before it was understood.
    package let method: String
    /// Without the query; empty when the request was refused before it was understood.
    package let path: String
    /// 0 when the connection ended before there was an answer.
    package let status: Int
    /// Bytes of the answer's body.
    package let bodyBytes: Int
    /// From the request's last byte (of a refused one: its first) to the answer's last.
    package let microseconds: Int
    package let peerAddress: String
    package let outcome: Outcome
}
