import EventLoop
import TestSupport
import Testing

@testable import Inspector

/// How lines look: on terminals of any width, elsewhere, and with what comes from outside.
struct ConsoleTests {
    init() { Loop.startThread() }

    @Loop private func help(
        _ words: [String] = ["--help"], terminal: [Console.Stream: Int] = [.out: 100],
        _ environment: [String: String] = [:]
    ) async throws -> String {
        let run = try await InspectorFixture.tributary(words, [:], columns: terminal, console: environment)
        #expect(run.status == .ok)
        return run.out
    }

    @Loop @Test func coloursAreShownOnATerminal() async throws {
        #expect(try await help().contains("\u{1b}[1m"))
    }

    @Loop @Test func thereAreNoneElsewhere() async throws {
        #expect(try await !help(terminal: [:]).contains("\u{1b}"))
        // The errors' terminal says nothing about the answer's pipe.
        #expect(try await !help(terminal: [.errors: 100]).contains("\u{1b}"))
    }

    @Loop @Test func theCommandLineAndTheEnvironmentForbidThem() async throws {
        #expect(try await !help(["--help", "--no-color"]).contains("\u{1b}"))
        #expect(try await !help(["--no-color", "help", "queues"]).contains("\u{1b}"))
        #expect(try await !help([("NO_COLOR", "1")].reduce(into: [:]) { $0[$1.0] = $1.1 }).contains("\u{1b}"))
        #expect(try await !help(["TERM": "dumb"]).contains("\u{1b}"))
        // An empty NO_COLOR forbids nothing (no-color.org).
        #expect(try await help(["NO_COLOR": "", "TERM": "xterm"]).contains("\u{1b}"))
    }

    private func help(_ environment: [String: String]) async throws -> String {
        try await help(["--help"], terminal: [.out: 100], environment)
    }

    @Test func whatComesFromOutsideCannotWriteOverTheTerminal() {
        let line: StyledLine = "answer \("\u{1b}[2Jgone\u{7}\u{9b}31m\u{202e}", .bad)"
        #expect(line.plain == #"answer \u{1b}[2Jgone\u{7}\u{9b}31m\u{202e}"#)
        #expect(line.rendered(colours: true).unicodeScalars.filter { $0 == "\u{1b}" }.count == 2)
    }

    @Test func linesStayLines() {
        #expect(StyledLine("one\ntwo\tthree").plain == "one two three")
    }

    @Test func wideLettersTakeTwoColumns() {
        #expect(StyledLine("지갑 A").width == 6)
        #expect(StyledLine("지갑지갑").cut(to: 5).plain == "지갑…")
        #expect(StyledLine("abcdef").cut(to: 6).plain == "abcdef")
    }

    private func table() -> Table {
        var table = Table(columns: [
            .init(heading: "id"), .init(heading: "count", isRight: true), .init(heading: "text", isElastic: true),
        ])
        table.rows = [["first", "7", "a text that is longer than the terminal has room for"], ["지갑", "1,234", ""]]
        return table
    }

    @Test func columnsAreAligned() {
        #expect(
            table().lines(columns: nil).map(\.plain) == [
                "id     count  text", "first      7  a text that is longer than the terminal has room for",
                "지갑   1,234",
            ])
    }

    @Test func aTableFitsItsTerminal() {
        let lines = table().lines(columns: 40)
        #expect(lines.allSatisfy { $0.width <= 40 })
        #expect(lines[1].plain == "first      7  a text that is longer tha…")
    }

    @Test func aColumnThatMayIsLeftOutOfANarrowTable() {
        var table = Table(columns: [
            .init(heading: "id"), .init(heading: "kind", isDroppable: true), .init(heading: "text", isElastic: true),
        ])
        table.rows = [["0123456789", "delivery.v1", "a text that is too long"]]
        #expect(table.lines(columns: 40)[1].plain == "0123456789  delivery.v1  a text that is…")
        #expect(table.lines(columns: 30)[1].plain == "0123456789  a text that is to…")
    }

    @Test func whatIsWrappedGoesOnBelow() {
        var table = Table(
            columns: [.init(heading: ""), .init(heading: "", isElastic: true, isWrapped: true)], hasHeadings: false)
        table.rows = [["id", "one two three four five six"], ["next", "short"]]
        #expect(
            table.lines(columns: 20).map(\.plain) == ["id    one two three", "      four five six", "next  short"])
        #expect(table.lines(columns: nil).count == 2)
    }

    @Loop @Test func progressIsForTerminalsOnly() async throws {
        for (columns, wanted) in [([Console.Stream.errors: 80], "\r\u{1b}[Khalf"), ([:], "")] {
            var written = ""
            let console = Console(columns: columns, environment: [:]) { written += String(decoding: $1, as: UTF8.self) }
            try await console.progress("half")
            #expect(written == wanted)
        }
    }

    @Loop @Test func aReaderThatHasGoneEndsTheProgramQuietly() async throws {
        let console = Console(columns: [:], environment: [:]) { _, _ in throw Console.ReaderIsGone() }
        #expect(await Inspector.run(["--help"], on: console) == .ok)
    }
}
