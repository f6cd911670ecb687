package import Core
import Glibc

/// A message of plain text for one or more recipients.
package struct SMTPMessage: Sendable {
    package var from: MailAddress
    package var to: [MailAddress]
    package var subject: String
    /// UTF-8 text; any line ends.
    package var text: String
    package var date: EpochMilliseconds
    /// Of the form `left@right`; the same for each repetition of the message, so that readers can drop doubles.
    package var id: String

    package init(
        from: MailAddress, to: [MailAddress], subject: String, text: String, date: EpochMilliseconds, id: String
    ) {
        self.from = from
        self.to = to
        self.subject = subject
        self.text = text
        self.date = date
        self.id = id
    }

    /// Recipients of one message; a relay must take at least 100.
    static let recipientsMax = 100

    /// The message as SMTP carries it (dots are doubled by libcurl). `nil` when a field could break out of its line, or
    /// there is nobody to send it to.
    package func rendered() -> [UInt8]? {
        guard !to.isEmpty, to.count <= Self.recipientsMax, MailText.isOneLine(subject), MailAddress(id) != nil else {
            return nil
        }
        let header = [
            "Date: \(Self.dateText(date))",
            "From: \(from.headerText)",
            "To: \(to.map(\.headerText).joined(separator: ",\r\n "))",
            "Message-ID: <\(id)>",
            "Subject: \(MailText.headerText(subject))",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: quoted-printable",
            // No vacation notes and the like in return (RFC 3834).
            "Auto-Submitted: auto-generated",
        ]
        return Array((header.joined(separator: "\r\n") + "\r\n\r\n" + MailText.quotedPrintable(text)).utf8)
    }

    /// RFC 5322, in UTC.
    private static func dateText(_ date: EpochMilliseconds) -> String {
        var seconds = time_t(date.rawValue / 1000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let day = "\(days[Int(parts.tm_wday)]), \(parts.tm_mday) \(months[Int(parts.tm_mon)]) \(parts.tm_year + 1900)"
        return "\(day) \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) +0000"
    }
}
