import EventLoop
import Glibc

/// The process's terminal as a screen: another page of it, drawn in place, with keys that come one by one. Whatever ends the
/// process in order gives it back as it was.
@Loop
final class Terminal {
    enum Key: Hashable {
        case character(Character)
        case up, down
    }

    enum Event: Hashable {
        case key(Key)
        /// The size has changed, or the process has come back from a stop: draw anew.
        case redraw
        /// Somebody wants the process to end.
        case end
    }

    private let onEvent: @Loop (Event) -> Void
    private var before: termios?
    private var signals: [SignalWatch] = []
    private var input: FileWatch?
    private var isEntered = false

    // ECMA-48 and xterm: the other page, the cursor, and whether a frame is shown as a whole (a terminal that does not know it
    // passes it over).
    private static let enter = "\u{1b}[?1049h\u{1b}[?25l\u{1b}[2J"
    private static let leave = "\u{1b}[?25h\u{1b}[?1049l"
    private static let frameBegin = "\u{1b}[?2026h\u{1b}[H"
    private static let frameEnd = "\u{1b}[J\u{1b}[?2026l"
    private static let lineEnd = "\u{1b}[K"

    /// - Parameter onEvent: called until ``close()``.
    init(onEvent: @escaping @Loop (Event) -> Void) { self.onEvent = onEvent }

    /// Columns and rows now.
    var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return (80, 24)
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    func open() {
        takeOver()
        signals = [SIGINT, SIGTERM, SIGHUP, SIGQUIT].map { number in
            SignalWatch(signal: number) { [weak self] in self?.onEvent(.end) }
        }
        signals.append(SignalWatch(signal: SIGWINCH) { [weak self] in self?.onEvent(.redraw) })
        signals.append(SignalWatch(signal: SIGTSTP) { [weak self] in self?.stop() })
        guard isatty(STDIN_FILENO) == 1 else { return }
        let input = FileWatch(descriptor: STDIN_FILENO) { [weak self] _ in self?.read() }
        input.watch(for: .readable)
        self.input = input
    }

    /// The frame, over the one before: nothing is cleared first, so nothing flickers.
    func frame(_ lines: [String]) -> String {
        Self.frameBegin + lines.map { $0 + Self.lineEnd }.joined(separator: "\r\n") + Self.frameEnd
    }

    func close() {
        giveBack()
        input?.cancel()
        input = nil
        signals = []
    }

    // MARK: The terminal's state

    private func takeOver() {
        guard !isEntered else { return }
        isEntered = true
        var state = termios()
        if tcgetattr(STDIN_FILENO, &state) == 0 {
            before = state
            // Keys at once and unseen; Ctrl-C and Ctrl-Z stay signals.
            state.c_lflag &= ~tcflag_t(ICANON | ECHO)
            tcsetattr(STDIN_FILENO, TCSANOW, &state)
        }
        write(Self.enter)
    }

    private func giveBack() {
        guard isEntered else { return }
        isEntered = false
        write(Self.leave)
        if var before { tcsetattr(STDIN_FILENO, TCSAFLUSH, &before) }
    }

    /// Few bytes, at the beginning and the end: they do not wait for their turn.
    private func write(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            // Whoever looked on has gone: there is nothing to be given back.
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }

    /// Ctrl-Z: the shell gets its terminal as it was, and `fg` brings the screen back.
    private func stop() {
        giveBack()
        kill(getpid(), SIGSTOP)
        // Continued.
        takeOver()
        onEvent(.redraw)
    }

    // MARK: Keys

    private func read() {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = Glibc.read(STDIN_FILENO, &bytes, bytes.count)
        if count < 0, errno == EINTR || errno == EAGAIN { return }
        guard count > 0 else {
            input?.cancel()
            return onEvent(.end)
        }
        for key in Self.keys(of: bytes.prefix(count)) { onEvent(.key(key)) }
    }

    /// What was pressed; keys that are none of ours, arrows aside, are passed over.
    nonisolated static func keys(of bytes: some Collection<UInt8>) -> [Key] {
        var keys: [Key] = []
        var rest = Array(bytes)[...]
        while let byte = rest.popFirst() {
            guard byte == 0x1B else {
                if (0x20...0x7E).contains(byte) { keys.append(.character(Character(Unicode.Scalar(byte)))) }
                continue
            }
            // CSI or SS3, parameters, and the letter that ends it.
            guard let second = rest.first, second == UInt8(ascii: "[") || second == UInt8(ascii: "O") else { continue }
            rest.removeFirst()
            while let next = rest.popFirst() {
                guard (0x40...0x7E).contains(next) else { continue }
                if next == UInt8(ascii: "A") { keys.append(.up) }
                if next == UInt8(ascii: "B") { keys.append(.down) }
                break
            }
        }
        return keys
    }
}
