import Core
import Notifications

extension ConfirmationRun.Report {
    /// What the operators read of a finished run.
    var notification: Notification {
        var lines = [
            "Business date: \(businessDate)",
            "Holds over by: \(now.rfc3339)",
            "Orders selected: \(selected)",
            "Commissions confirmed: \(confirmed)",
        ]
        for member in sums.object?.members ?? [] {
            lines.append("Sum \(member.key): \(Self.amount(member.value, member.key))")
        }
        for member in skipped.object?.members ?? [] {
            lines.append("Skipped, \(member.key): \(member.value.integer ?? 0)")
        }
        if let finishedAt {
            lines.append("Duration: \(finishedAt.since(clockAt).milliseconds) ms")
        }
        return Notification(
            kind: "confirmation-run", subject: "Commissions confirmed for \(businessDate): \(confirmed)",
            body: lines.joined(separator: "\n"))
    }

    private static func amount(_ value: JSON, _ code: String) -> String {
        guard let minorUnits = value.integer, let currency = Currency.named(code) else { return value.text }
        return Money(minorUnits: minorUnits, currency: currency).amount
    }
}
