import Core
import EventLoop
import Glibc
import JobQueue
import TestSupport
import Testing

@testable import Inspector

/// `watch` on a terminal: the built program on a pseudo-terminal.
struct WatchScreenTests {
    init() { Loop.startThread() }

    private static let enter = "\u{1b}[?1049h"
    private static let leave = "\u{1b}[?25h\u{1b}[?1049l"

    @Loop private func watch(
        _ tributary: InspectorFixture, columns: Int = 120, rows: Int = 30, noColour: Bool = false
    ) async throws -> TestTerminal {
        var environment: [String: String?] = ["TERM": "xterm-256color", "NO_COLOR": noColour ? "1" : nil]
        for (name, value) in tributary.environment { environment[name] = value }
        let terminal = try TestTerminal(
            try builtProgram("tributary"), ["watch"], environment: environment, columns: columns, rows: rows)
        try await eventually { terminal.text.contains("webhooks") }
        return terminal
    }

    /// The lines of the last whole frame, without styles.
    private func frame(_ text: String) -> [String] {
        let frames = text.components(between: "\u{1b}[?2026h\u{1b}[H", and: "\u{1b}[J")
        return (frames.last ?? "").replacing(/\x{1b}\[[0-9;]*m/, with: "").split(separator: "\r\n").map {
            // The terminal makes CR LF of each LF, as shells leave it.
            String($0.replacing("\u{1b}[K", with: "").replacing("\r", with: ""))
        }
    }

    @Loop @Test func theScreenIsDrawnInPlaceAndGivenBack() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            for way in ["q", "\u{3}", "TERM"] {
                let terminal = try await watch(tributary)
                #expect(terminal.text.hasPrefix(Self.enter) && !terminal.isCooked, "\(way)")
                #expect(terminal.text.contains("\u{1b}[1m"))
                _ = try await tributary.queue.enqueue(.test("job-\(way.utf8.first ?? 0)"))
                try await eventually {
                    frame(terminal.text).contains { $0.hasPrefix("› clicks") && $0.contains("  0.0") }
                }
                let frames = terminal.text.components(between: "\u{1b}[?2026h", and: "\u{1b}[?2026l")
                // Nothing is cleared between two frames, so nothing flickers.
                #expect(frames.count >= 2 && frames.allSatisfy { !$0.contains("\u{1b}[2J") })
                if way == "TERM" {
                    try signalChild(of: terminal.process.pid, SIGTERM)
                } else {
                    terminal.type(way)
                }
                #expect(try await terminal.process.wait(within: .seconds(5)) == .exited(0), "\(way)")
                #expect(terminal.text.hasSuffix(Self.leave) && terminal.isCooked, "\(way)")
            }
        }
    }

    @Loop @Test func anotherSizeIsAnotherFrame() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            let terminal = try await watch(tributary, noColour: true)
            #expect(frame(terminal.text).count == 30 && !terminal.text.contains("\u{1b}[1m"))
            terminal.resize(columns: 60, rows: 14)
            try await eventually { frame(terminal.text).count == 14 }
            #expect(frame(terminal.text).allSatisfy { $0.terminalWidth <= 60 })
            terminal.type("q")
            #expect(try await terminal.process.wait(within: .seconds(5)) == .exited(0))
        }
    }

    @Loop @Test func aKeyPausesTheChosenQueueWhenItIsConfirmed() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            let terminal = try await watch(tributary)
            terminal.type("\u{1b}[B")
            try await eventually { frame(terminal.text).contains { $0.hasPrefix("› conversions") } }
            terminal.type("p")
            try await eventually { frame(terminal.text).last == "Pause conversions? y or n" }
            terminal.type("n")
            try await eventually { frame(terminal.text).last?.hasPrefix("q quit") == true }
            #expect(try await !tributary.queue.stats(.conversions).isPaused)
            terminal.type("py")
            try await eventually { frame(terminal.text).contains { $0.hasPrefix("› conversions (paused)") } }
            #expect(try await tributary.queue.stats(.conversions).isPaused)
            terminal.type("p")
            try await eventually { frame(terminal.text).last == "Resume conversions? y or n" }
            terminal.type("y")
            try await eventually { try await !tributary.queue.stats(.conversions).isPaused }
            terminal.type("q")
            #expect(try await terminal.process.wait(within: .seconds(5)) == .exited(0))
        }
    }

    @Loop @Test func aRedisThatGoesAwayIsSaidAndComesBack() async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        try await InspectorFixture.run(isMigrated: false, redis: redis) { tributary in
            let terminal = try await watch(tributary)
            redis.kill()
            try await eventually { frame(terminal.text).contains { $0.contains("no look for") } }
            try await redis.restart()
            try await eventually(within: .seconds(20)) {
                let frame = frame(terminal.text)
                return frame.contains { $0.hasPrefix("› clicks") } && !frame.contains { $0.contains("no look for") }
            }
            terminal.type("q")
            #expect(try await terminal.process.wait(within: .seconds(5)) == .exited(0))
        }
    }

    /// `setsid` waits for the program, which is its child.
    private func signalChild(of pid: Int32, _ signal: Int32) throws {
        let path = "/proc/\(pid)/task/\(pid)/children"
        guard let file = fopen(path, "r") else { throw TestSupportError("\(path) cannot be read") }
        defer { fclose(file) }
        var buffer = [CChar](repeating: 0, count: 64)
        guard fgets(&buffer, Int32(buffer.count), file) != nil else { throw TestSupportError("no child") }
        let text = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        guard let child = text.split(separator: " ").first.flatMap({ Int32($0) }) else {
            throw TestSupportError("no child in \(text)")
        }
        kill(child, signal)
    }
}

extension String {
    /// What stands between each two of these marks.
    fileprivate func components(between begin: String, and end: String) -> [String] {
        var found: [String] = []
        var rest = self[...]
        while let first = rest.firstRange(of: begin) {
            rest = rest[first.upperBound...]
            guard let last = rest.firstRange(of: end) else { break }
            found.append(String(rest[..<last.lowerBound]))
            rest = rest[last.upperBound...]
        }
        return found
    }
}
