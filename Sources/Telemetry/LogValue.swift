/// A value of a log field. Never a payload, never a secret; what is long is cut at ``LogLine/valueBytesMax``.
package enum LogValue: Sendable {
    case string(String)
    case integer(Int64)
    case double(Double)
    case bool(Bool)
    case strings([String])

    /// A count, a size, a port; what does not fit is clamped.
    package static func int(_ value: some BinaryInteger) -> LogValue { .integer(Int64(clamping: value)) }

    /// A duration in whole milliseconds; the key ends in `_ms`.
    package static func milliseconds(_ duration: Duration) -> LogValue {
        let (seconds, attoseconds) = duration.components
        return .integer(seconds * 1000 + attoseconds / 1_000_000_000_000_000)
    }

    /// What the error says of itself. Every error type of this project has a description that is safe for a log.
    package static func error(_ error: some Error) -> LogValue { .string(String(describing: error)) }

    /// Anything that describes itself: an id, a queue, a state.
    package static func describing(_ value: some CustomStringConvertible) -> LogValue { .string(value.description) }
}

extension LogValue: ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    package init(stringLiteral value: String) { self = .string(value) }
}

extension LogValue: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: Int64) { self = .integer(value) }
}

extension LogValue: ExpressibleByBooleanLiteral {
    package init(booleanLiteral value: Bool) { self = .bool(value) }
}
