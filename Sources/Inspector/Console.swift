package import EventLoop
import Glibc

/// Where a command's words go: the process's two streams, or a test's memory.
@Loop
package final class Console {
    package enum Stream: Int32, Sendable {
        case out = 1
        case errors = 2
    }

    /// Whoever read our output has gone, as `head` does: there is nobody left to work for.
    package struct ReaderIsGone: Error {}

    /// Columns of the terminal that a stream is; `nil` when it is none.
    private let columns: [Stream: Int]
    private let environment: [String: String]
    private let sink: @Loop (Stream, [UInt8]) async throws -> Void
    /// Whether the command line forbids colours.
    package var isColourless = false
    /// Whether these are the process's own streams, and not a test's memory.
    private var isOwnTerminal = false

    /// - Parameters:
    ///   - columns: of each stream that is a terminal.
    ///   - environment: `NO_COLOR` and `TERM` are looked at.
    package init(
        columns: [Stream: Int], environment: [String: String],
        _ sink: @escaping @Loop (Stream, [UInt8]) async throws -> Void
    ) {
        self.columns = columns
        self.environment = environment
        self.sink = sink
    }

    /// Columns of the terminal on which answers are shown; `nil` when they go elsewhere.
    var width: Int? { columns[.out] }

    /// Whether somebody sees progress while it is made.
    var showsProgress: Bool { columns[.errors] != nil && environment["TERM"] != "dumb" }

    /// Whether answers go to a terminal that can be drawn on.
    var isScreen: Bool { isOwnTerminal && columns[.out] != nil && environment["TERM", default: "dumb"] != "dumb" }

    /// Colours are shown on terminals only, and not when `NO_COLOR` (no-color.org) is set to anything.
    func showsColours(on stream: Stream) -> Bool {
        columns[stream] != nil && !isColourless && environment["NO_COLOR", default: ""].isEmpty
            && environment["TERM"] != "dumb"
    }

    func show(_ page: Page, on stream: Stream = .out) async throws {
        try await show(page.lines(columns: columns[stream]), on: stream)
    }

    func show(_ lines: [StyledLine], on stream: Stream) async throws {
        let colours = showsColours(on: stream)
        try await write(lines.map { $0.rendered(colours: colours) + "\n" }.joined(), to: stream)
    }

    func write(_ text: String, to stream: Stream = .out) async throws { try await sink(stream, Array(text.utf8)) }

    func write(_ bytes: [UInt8]) async throws { try await sink(.out, bytes) }

    /// Writes over the line of progress; an empty one takes it away.
    func progress(_ line: StyledLine) async throws {
        guard showsProgress else { return }
        let text = line.cut(to: max(10, (columns[.errors] ?? 80) - 1))
        try await write("\r\u{1b}[K" + text.rendered(colours: showsColours(on: .errors)), to: .errors)
    }
}

extension Console {
    /// The process's own streams.
    package static var standard: Console {
        var columns: [Stream: Int] = [:]
        for stream in [Stream.out, .errors] where isatty(stream.rawValue) == 1 {
            columns[stream] = terminalColumns(stream)
        }
        var environment: [String: String] = [:]
        for name in ["NO_COLOR", "TERM"] { environment[name] = getenv(name).map { String(cString: $0) } }
        let console = Console(columns: columns, environment: environment) { stream, bytes in
            try await DescriptorWriter(stream.rawValue).write(bytes)
        }
        console.isOwnTerminal = true
        return console
    }

    private static func terminalColumns(_ stream: Stream) -> Int {
        var size = winsize()
        guard ioctl(stream.rawValue, UInt(TIOCGWINSZ), &size) == 0, size.ws_col >= 20 else { return 80 }
        return Int(size.ws_col)
    }
}

/// Writes to a descriptor of the process without making the loop wait for a slow reader.
@Loop
private struct DescriptorWriter {
    private let descriptor: Int32
    /// Files and devices take everything at once, and cannot be watched.
    private let isWatched: Bool

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        var status = stat()
        let kind = fstat(descriptor, &status) == 0 ? status.st_mode & S_IFMT : 0
        isWatched = kind == S_IFIFO || kind == S_IFSOCK || isatty(descriptor) == 1
    }

    /// A pipe that may be written takes so much without making its writer wait (POSIX' PIPE_BUF on Linux).
    private static let pieceBytesMax = 4096

    func write(_ bytes: [UInt8]) async throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            if isWatched { await writable() }
            let piece = isWatched ? rest.prefix(Self.pieceBytesMax) : rest
            let count = piece.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            guard count > 0 else { throw Console.ReaderIsGone() }
            rest = rest.dropFirst(count)
        }
    }

    private func writable() async { await Writability().wait(for: descriptor) }
}

/// One wait until a descriptor may be written.
@Loop
private final class Writability {
    private var watch: FileWatch?

    func wait(for descriptor: Int32) async {
        await withCheckedContinuation { continuation in
            watch = FileWatch(descriptor: descriptor) { [self] _ in
                watch?.cancel()
                continuation.resume()
            }
            watch?.watch(for: .writable)
        }
        watch = nil
    }
}
