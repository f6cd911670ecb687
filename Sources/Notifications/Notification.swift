package import Fleet

/// A message for the operators, before it is owed.
package struct Notification: Hashable, Sendable {
    package enum Channel: String, CaseIterable, Sendable { case mail, chat }

    /// What it is about, such as `confirmation-run`; for searches and metrics.
    package let kind: String
    /// One line.
    package let subject: String
    package let body: String

    package init(kind: String, subject: String, body: String) {
        self.kind = kind
        // A line of mail's header is one line; a reason in it may be another's text.
        self.subject = String(subject.map { $0.isNewline ? " " : $0 }.prefix(Self.subjectMax))
        self.body = String(body.prefix(Self.bodyMax))
    }

    /// Characters.
    private static let subjectMax = 200
    private static let bodyMax = 20_000
}

extension FleetConfiguration {
    /// Where notifications go: the channels whose settings are there. None is no error; then nobody is told.
    package var notificationChannels: [Notification.Channel] {
        Notification.Channel.allCases.filter { channel in
            switch channel {
            case .mail: smtpURL != nil && mailFrom != nil && !mailTo.isEmpty
            case .chat: chatURL != nil
            }
        }
    }
}
