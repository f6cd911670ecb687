/// Something a start check noticed.
package struct StartFinding: Hashable, Sendable {
    package enum Severity: Hashable, Sendable {
        /// The process may run; the operator should know.
        case warning
        /// The process must not run.
        case refusal
    }

    package let severity: Severity
    /// A sentence for the operator, with what to do.
    package let message: String

    package init(_ severity: Severity, _ message: String) {
        self.severity = severity
        self.message = message
    }
}
