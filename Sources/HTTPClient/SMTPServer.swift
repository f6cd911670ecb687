/// The relay that takes our mail.
package struct SMTPServer: Sendable, CustomStringConvertible {
    /// `smtp://host:587` (TLS by STARTTLS) or `smtps://host:465`; may hold user and password.
    package var url: String
    /// Whether `smtp` without STARTTLS fails; on unless the relay is on this very machine or network.
    package var requiresTLS: Bool
    /// For the whole delivery.
    package var timeout = Duration.seconds(30)
    /// A file of certificates to trust in place of the system's.
    package var certificateAuthorityFile: String?

    package init(url: String, requiresTLS: Bool = true) {
        self.url = url
        self.requiresTLS = requiresTLS
    }

    package var description: String { "SMTPServer(***)" }
}
