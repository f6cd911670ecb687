import Glibc
import Synchronization

/// A pseudo-terminal with a program on it, which has it as its controlling terminal: Ctrl-C and changes of its size reach it.
package final class TestTerminal: Sendable {
    package let process: TestProcess
    private let master: Int32
    /// Open as long as this, so that the terminal outlives the program and its settings can be read.
    private let slave: Int32
    private let output = Mutex<[UInt8]>([])

    // TIOCSPTLCK and TIOCGPTN of Linux (ioctl_tty(2)), which Swift does not see: nor does it see POSIX' own functions for it.
    private static let setLock: UInt = 0x4004_5431
    private static let getNumber: UInt = 0x8004_5430

    /// Starts a program; its input, output and errors are the terminal.
    /// - Parameter environment: added to this process's own; a `nil` value takes a variable away.
    package init(
        _ path: String, _ arguments: [String], environment: [String: String?], columns: Int, rows: Int
    ) throws {
        master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)
        guard master >= 0 else { throw TestSupportError("no pseudo-terminal") }
        var locked: Int32 = 0
        var number: UInt32 = 0
        guard ioctl(master, Self.setLock, &locked) == 0, ioctl(master, Self.getNumber, &number) == 0 else {
            throw TestSupportError("the terminal cannot be unlocked")
        }
        slave = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard slave >= 0 else { throw TestSupportError("the terminal cannot be opened") }
        Self.resize(master, columns: columns, rows: rows)
        process = try TestProcess.start(
            "setsid", ["--ctty", "--wait", try findProgram(path)] + arguments, environment: environment, stdin: slave,
            stdout: slave, stderr: slave, directory: nil, user: nil)
    }

    deinit {
        process.kill()
        close(slave)
        close(master)
    }

    /// What the program has written so far.
    package var text: String {
        output.withLock { output in
            var piece = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = read(master, &piece, piece.count)
                guard count > 0 else { break }
                output += piece.prefix(count)
            }
            return String(decoding: output, as: UTF8.self)
        }
    }

    /// Presses keys.
    package func type(_ text: String) {
        let bytes = Array(text.utf8)
        // A few bytes: a terminal's input has room for them.
        _ = bytes.withUnsafeBytes { write(master, $0.baseAddress, $0.count) }
    }

    package func resize(columns: Int, rows: Int) { Self.resize(master, columns: columns, rows: rows) }

    /// Whether what is typed is shown and comes line by line, as a shell leaves it.
    package var isCooked: Bool {
        var state = termios()
        guard tcgetattr(slave, &state) == 0 else { return false }
        return state.c_lflag & tcflag_t(ICANON | ECHO) == tcflag_t(ICANON | ECHO)
    }

    private static func resize(_ descriptor: Int32, columns: Int, rows: Int) {
        var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(descriptor, UInt(TIOCSWINSZ), &size)
    }
}
