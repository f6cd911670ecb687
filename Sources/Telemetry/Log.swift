import EventLoop
import Synchronization

/// Logs of one component: JSON lines, each with a constant message and dotted keys.
///
/// `let log = Log(component: "redis")`, then `log.warning("connection lost", ["redis.purpose": .string(purpose)])`. The
/// fields are not even made when the level is filtered out. May be used from any thread.
package struct Log: Sendable {
    /// The room or service that speaks, such as `redis` or `worker`.
    package let component: String
    private let context: [UInt8]
    private let writer: LogWriter

    package init(component: String, writer: LogWriter = .standardError) {
        self.init(component: component, context: [], writer: writer)
    }

    private init(component: String, context: [UInt8], writer: LogWriter) {
        self.component = component
        self.context = context
        self.writer = writer
    }

    private static let threshold = Atomic<UInt8>(LogLevel.info.severity)

    /// The least level that is written, for the whole process; `info` until the configuration says otherwise.
    package static var level: LogLevel {
        get { LogLevel.allCases.first { $0.severity == threshold.load(ordering: .relaxed) } ?? .info }
        set { threshold.store(newValue.severity, ordering: .relaxed) }
    }

    /// Whether a line of `level` is written at all.
    package static func isEnabled(_ level: LogLevel) -> Bool { level.severity >= threshold.load(ordering: .relaxed) }

    /// The same log with fields that stand on each of its lines.
    package func with(_ fields: KeyValuePairs<String, LogValue>) -> Log {
        Log(
            component: component, context: fields.reduce(into: context) { $0 += LogLine.field($1.key, $1.value) },
            writer: writer)
    }

    package func debug(_ message: StaticString, _ fields: @autoclosure () -> KeyValuePairs<String, LogValue> = [:]) {
        if Self.isEnabled(.debug) { write(.debug, message, fields()) }
    }

    package func info(_ message: StaticString, _ fields: @autoclosure () -> KeyValuePairs<String, LogValue> = [:]) {
        if Self.isEnabled(.info) { write(.info, message, fields()) }
    }

    package func warning(_ message: StaticString, _ fields: @autoclosure () -> KeyValuePairs<String, LogValue> = [:]) {
        if Self.isEnabled(.warning) { write(.warning, message, fields()) }
    }

    package func error(_ message: StaticString, _ fields: @autoclosure () -> KeyValuePairs<String, LogValue> = [:]) {
        if Self.isEnabled(.error) { write(.error, message, fields()) }
    }

    private func write(_ level: LogLevel, _ message: StaticString, _ fields: KeyValuePairs<String, LogValue>) {
        writer.write(
            LogLine.render(
                time: Loop.wallClock, level: level, component: component, message: message, context: context,
                fields: fields))
    }
}
