import Core
import EventLoop
import TestSupport
import Testing

@testable import HTTPClient

@Suite(.timeLimit(.minutes(1))) struct MailTests {
    init() { Loop.startThread() }

    private func message(
        subject: String = "Commission confirmed", text: String = "Hello", to: [String] = ["ops@example.com"]
    ) throws -> SMTPMessage {
        SMTPMessage(
            from: try #require(MailAddress("fleet@example.com", name: "Tributary")),
            to: try to.map { try #require(MailAddress($0)) }, subject: subject, text: text,
            date: EpochMilliseconds(rawValue: 1_762_165_800_000), id: "n-1@example.com")
    }

    @Test func aMessageAsItGoesOut() throws {
        let rendered = try #require(try message(to: ["a@example.com", "b@example.com"]).rendered())
        let expected = """
            Date: Mon, 3 Nov 2025 10:30:00 +0000
            From: "Tributary" <fleet@example.com>
            To: a@example.com,
             b@example.com
            Message-ID: <n-1@example.com>
            Subject: Commission confirmed
            MIME-Version: 1.0
            Content-Type: text/plain; charset=utf-8
            Content-Transfer-Encoding: quoted-printable
            Auto-Submitted: auto-generated

            Hello

            """
        #expect(
            String(decoding: rendered, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false)
                == expected.split(separator: "\n", omittingEmptySubsequences: false))
    }

    @Test(arguments: ["a\r\nBcc: x@example.com", "a\nb", "a\rb", "a\u{0}b", "a\u{85}b"])
    func aSubjectCannotEndItsLine(subject: String) throws { #expect(try message(subject: subject).rendered() == nil) }

    @Test(arguments: [
        "", "a", "@b", "a@", "a@b@c", "a b@c", "<a@b>", "a@b>", "a@b\r\nRCPT TO:<x@y>", "a,b@c", "\"a\"@b", "ü@b",
        String(repeating: "a", count: 251) + "@b.c",
    ])
    func brokenAddressesAreRefused(text: String) { #expect(MailAddress(text) == nil) }

    @Test func namesAreQuotedOrEncoded() throws {
        #expect(MailAddress("a@b.c", name: "x\r\ny") == nil)
        #expect(MailAddress("a@b.c", name: #"O"Neil \ Co"#)?.headerText == #""O\"Neil \\ Co" <a@b.c>"#)
        #expect(MailAddress("a@b.c", name: "김철수")?.headerText == "=?utf-8?q?=EA=B9=80=EC=B2=A0=EC=88=98?= <a@b.c>")
    }

    @Test func longSubjectsBecomeWordsOfWholeCharacters() {
        let text = String(repeating: "정산 확정 ", count: 20)
        let words = MailText.encodedWords(text).split(separator: "\r\n ").map(String.init)
        #expect(
            words.count > 1
                && words.allSatisfy { $0.utf8.count <= 75 && $0.hasPrefix("=?utf-8?q?") && $0.hasSuffix("?=") })
        #expect(words.map(decodedWord).joined() == text)
        #expect(MailText.headerText("=?utf-8?q?fake?=").hasPrefix("=?utf-8?q?=3D=3F"))
    }

    private func decodedWord(_ word: String) -> String {
        let payload = word.dropFirst("=?utf-8?q?".count).dropLast(2).replacing("_", with: " ")
        return decoded(String(payload))
    }

    private func decoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "=") {
                let digits = String(decoding: rest.prefix(2), as: UTF8.self)
                rest = rest.dropFirst(2)
                if digits != "\r\n" { bytes.append(UInt8(digits, radix: 16)!) }
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(arguments: [
        "", "a", "a=b", "trailing \nspace\t", "커미션 10,000원\r\nline two\rline three\n", ".\n..\nFrom x",
        String(repeating: "long line with words ", count: 30), String(repeating: "é", count: 100),
        String(repeating: "x", count: 76), String(repeating: "x", count: 77), String(repeating: "x", count: 75) + " ",
    ])
    func bodiesSurviveQuotedPrintable(text: String) {
        let encoded = MailText.quotedPrintable(text)
        #expect(
            encoded.split(separator: "\r\n", omittingEmptySubsequences: false).allSatisfy {
                $0.utf8.count <= 76 && !$0.hasSuffix(" ")
            })
        #expect(encoded.utf8.allSatisfy { $0 < 127 })
        let normal =
            text.replacing("\r\n", with: "\n").replacing("\r", with: "\n").replacing("\n", with: "\r\n") + "\r\n"
        #expect(decoded(encoded) == normal)
    }

    // MARK: To a relay

    /// A relay that answers each command in its way; what it was sent is kept.
    @Loop final class Relay {
        private(set) var commands: [String] = []
        private(set) var content = ""
        private var server: RawServer?
        var port: Int { server?.port ?? 0 }

        init(_ replies: [String: String] = [:]) throws {
            server = try RawServer { [weak self] peer in
                await peer.send("220 relay.test ESMTP\r\n")
                while true {
                    let line = String(try await peer.read(through: "\r\n").dropLast(1))
                    self?.commands.append(line)
                    let verb = line.split(separator: " ").first.map { $0.uppercased() } ?? ""
                    let usual = ["DATA": "354 go on", "QUIT": "221 bye"][verb] ?? "250 fine"
                    await peer.send("\(replies[verb] ?? usual)\r\n")
                    if verb == "DATA", replies[verb] == nil {
                        self?.content = try await peer.read(through: "\r\n.\r\n")
                        await peer.send("\(replies["CONTENT"] ?? "250 taken")\r\n")
                    }
                }
            }
        }

        var smtp: SMTPServer { SMTPServer(url: "smtp://127.0.0.1:\(port)", requiresTLS: false) }
    }

    @Loop @Test func aMessageIsHandedToTheRelay() async throws {
        let relay = try Relay()
        let client = try loopbackClient()
        let result = await client.sendMail(
            try message(text: "first\n.\n.dots\nlast", to: ["a@example.com", "b@example.com"]), through: relay.smtp)
        #expect(result.failure == nil && result.replyCode == 250, "\(result)")
        #expect(relay.commands.contains { $0.hasPrefix("MAIL FROM:<fleet@example.com>") })
        #expect(
            relay.commands.filter { $0.hasPrefix("RCPT") } == ["RCPT TO:<a@example.com>", "RCPT TO:<b@example.com>"])
        #expect(relay.content.hasSuffix("\r\n\r\nfirst\r\n..\r\n..dots\r\nlast\r\n.\r\n"))
        client.close()
    }

    @Loop
    @Test(arguments: [
        ("RCPT", "550 no such user", true), ("RCPT", "450 later", false), ("MAIL", "552 full", true),
        ("DATA", "451 not now", false), ("CONTENT", "554 spam", true), ("CONTENT", "421 closing", false),
    ])
    func refusalsAreForGoodOrForNow(verb: String, reply: String, isPermanent: Bool) async throws {
        let relay = try Relay([verb: reply])
        let client = try loopbackClient()
        let result = await client.sendMail(try message(), through: relay.smtp)
        #expect(result.failure != nil && result.isPermanent == isPermanent, "\(result)")
        #expect(result.replyCode.map(String.init) == String(reply.prefix(3)))
        client.close()
    }

    @Loop @Test func withoutTheTLSItNeedsNothingIsSent() async throws {
        let relay = try Relay()
        let client = try loopbackClient()
        var server = relay.smtp
        server.requiresTLS = true
        let result = await client.sendMail(try message(), through: server)
        #expect(result.failure?.kind == .tls)
        #expect(!relay.commands.contains { $0.hasPrefix("MAIL") })
        client.close()
    }

    @Loop @Test func aRelayThatMayNotBeReachedIsNot() async throws {
        let relay = try Relay()
        let client = HTTPClient(.init(destinationPolicy: DestinationPolicy()))
        #expect(await client.sendMail(try message(), through: relay.smtp).failure?.kind == .blocked)
        #expect(await client.sendMail(try message(subject: "a\nb"), through: relay.smtp).failure?.kind == .invalid)
    }
}
