/// How much a log line matters. A job's success is `debug`, a retry `info`, what may need a person `warning`, what was
/// lost or ended dead `error`.
package enum LogLevel: String, CaseIterable, Comparable, Sendable {
    case debug, info, warning, error

    /// 0 for `debug` to 3 for `error`.
    var severity: UInt8 {
        switch self {
        case .debug: 0
        case .info: 1
        case .warning: 2
        case .error: 3
        }
    }

    package static func < (left: Self, right: Self) -> Bool { left.severity < right.severity }
}
