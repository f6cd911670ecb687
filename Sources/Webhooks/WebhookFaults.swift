/// Test-only switches, each of which takes away one rule of delivery, to show that a test notices.
package struct WebhookFaults: OptionSet, Sendable {
    package let rawValue: Int
    package init(rawValue: Int) { self.rawValue = rawValue }

    /// A delivery is sent without looking whether it is owed.
    package static let skipOwedLook = WebhookFaults(rawValue: 1 << 0)

    /// By its name on the command line, such as `skip-owed-look`; `nil` for any other.
    package init?(named name: String) {
        switch name {
        case "skip-owed-look": self = .skipOwedLook
        default: return nil
        }
    }
}
