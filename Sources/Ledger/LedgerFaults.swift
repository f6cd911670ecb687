/// Test-only switches, each of which takes away one rule that keeps the books exact, to show that a test notices.
package struct LedgerFaults: OptionSet, Sendable {
    package let rawValue: Int
    package init(rawValue: Int) { self.rawValue = rawValue }

    /// Orders are read without their lock.
    package static let skipOrderLock = LedgerFaults(rawValue: 1 << 0)
    /// The same fact is stored as often as it is said.
    package static let skipFactUniqueness = LedgerFaults(rawValue: 1 << 1)
    /// A handler does its work without looking whether the row still owes it.
    package static let skipOwedLook = LedgerFaults(rawValue: 1 << 2)

    /// By its name on the command line, such as `skip-order-lock`; `nil` for any other.
    package init?(named name: String) {
        switch name {
        case "skip-order-lock": self = .skipOrderLock
        case "skip-fact-uniqueness": self = .skipFactUniqueness
        case "skip-owed-look": self = .skipOwedLook
        default: return nil
        }
    }
}
