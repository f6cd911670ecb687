/// Something a start check noticed.
package struct StartFinding: Hashable, Sendable {
    package enum Severity: Hashable, CaseIterable, Sendable {
        /// The process must not run.
        case refusal
        /// The process must not run as things are; they may be others in a moment, so it is to be started again.
        case refusalForNow
        /// The process may run; the operator should know.
        case warning
    }

    package let severity: Severity
    /// A sentence for the operator, with what to do.
    package let message: String

    package init(_ severity: Severity, _ message: String) {
        self.severity = severity
        self.message = message
    }
}
