package import Core

/// What is wrong with one field of a request.
package struct FieldProblem: Error, Hashable, Sendable {
    /// The field as the sender spelled it: `orderAmount`, `lines[2].net`; empty for the whole.
    package let field: String
    /// What it should be, in words that repeat nothing of what was sent.
    package let reason: String

    package init(_ field: String, _ reason: String) {
        self.field = field
        self.reason = reason
    }

    package var json: JSON { ["field": .string(field), "reason": .string(reason)] }
}
