/// A mailbox, with the name that people see.
package struct MailAddress: Hashable, Sendable {
    package let name: String?
    /// `local@domain`, ASCII.
    package let address: String

    /// `nil` for an address that SMTP or a header could misread: more or less than one `@`, white space, brackets, quotes,
    /// control characters, not ASCII, longer than 254 bytes; or for a name with control characters.
    package init?(_ address: String, name: String? = nil) {
        let parts = address.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }), address.utf8.count <= 254,
            address.utf8.allSatisfy({ $0 > 32 && $0 < 127 && !"<>()[]\\,;:\"".utf8.contains($0) }),
            name.map(MailText.isOneLine) ?? true
        else { return nil }
        self.address = address
        self.name = name
    }

    /// For a header: `address`, or `"name" <address>` with the name encoded when need be.
    var headerText: String {
        guard let name, !name.isEmpty else { return address }
        guard MailText.isPlain(name) else { return "\(MailText.encodedWords(name)) <\(address)>" }
        let escaped = name.flatMap { $0 == "\"" || $0 == "\\" ? ["\\", $0] : [$0] }
        return "\"\(String(escaped))\" <\(address)>"
    }
}
