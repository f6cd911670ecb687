import Core
import EventLoop
import Glibc
import Synchronization

/// Writes log lines to a file descriptor without ever waiting for whoever reads them.
///
/// A pipe or terminal is opened a second time so that it can be made non-blocking without changing it for the processes
/// that share it; a socket is sent to with `MSG_DONTWAIT`; a file is written plainly. Lines that find no room wait in a
/// bounded backlog, tried again with the next line and by a timer; beyond the bound they are dropped and counted, and a
/// line says how many when there is room again.
package final class LogWriter: Sendable {
    /// The process's own writer, to standard error.
    package static let standardError = LogWriter(descriptor: STDERR_FILENO)

    /// Bytes of lines that may wait for a slow reader.
    package static let backlogBytesMax = 256 * 1024
    private static let retryAfter = Duration.milliseconds(100)

    private struct State {
        var backlog: [[UInt8]] = []
        var backlogBytes = 0
        var dropped: Int64 = 0
        var droppedTotal: Int64 = 0
        var retryIsPlanned = false
        var isDone: Bool { backlog.isEmpty && dropped == 0 }
    }

    private let descriptor: Int32
    private let ownsDescriptor: Bool
    private let isSocket: Bool
    private let state = Mutex(State())

    /// - Parameter original: a descriptor that stays open as long as this writer lives.
    package init(descriptor original: Int32) {
        var status = stat()
        let kind = fstat(original, &status) == 0 ? status.st_mode & S_IFMT : 0
        isSocket = kind == S_IFSOCK
        if kind == S_IFIFO || kind == S_IFCHR {
            let own = open("/proc/self/fd/\(original)", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
            // Without /proc, or without the right to open it again, it is the shared, perhaps blocking one: better than none.
            descriptor = own >= 0 ? own : original
            ownsDescriptor = own >= 0
        } else {
            descriptor = original
            ownsDescriptor = false
        }
    }

    /// Lines dropped so far.
    package var droppedLinesTotal: Int64 { state.withLock { $0.droppedTotal } }

    /// Writes one line, or keeps it while the reader is slow.
    package func write(_ line: [UInt8]) {
        let mustPlanRetry = state.withLock { state in
            writeBacklog(&state)
            if state.backlog.isEmpty, attempt(line) { return false }
            if state.backlogBytes + line.count > Self.backlogBytesMax {
                state.dropped += 1
                state.droppedTotal += 1
            } else {
                state.backlog.append(line)
                state.backlogBytes += line.count
            }
            defer { state.retryIsPlanned = true }
            return !state.retryIsPlanned
        }
        if mustPlanRetry { Task { @Loop in planRetry() } }
    }

    /// Tries the backlog until it is empty or `duration` is over; for the end of a process, which may wait this long.
    package func flush(within duration: Duration = .milliseconds(500)) {
        let end = Loop.monotonicMilliseconds + duration.milliseconds
        while true {
            let isDone = state.withLock { state in
                writeBacklog(&state)
                return state.isDone
            }
            let left = end - Loop.monotonicMilliseconds
            if isDone || left <= 0 { return }
            var watched = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            _ = poll(&watched, 1, Int32(min(left, 50)))
        }
    }

    @Loop private func planRetry() {
        _ = LoopTimer(after: Self.retryAfter) { [self] in
            let isDone = state.withLock { state in
                writeBacklog(&state)
                state.retryIsPlanned = !state.isDone
                return state.isDone
            }
            if !isDone { planRetry() }
        }
    }

    /// Writes what waits, and then how many lines were dropped meanwhile.
    private func writeBacklog(_ state: inout State) {
        if !state.backlog.isEmpty {
            let written = state.backlog.prefix { attempt($0) }.count
            state.backlogBytes -= state.backlog.prefix(written).reduce(0) { $0 + $1.count }
            state.backlog.removeFirst(written)
        }
        guard state.backlog.isEmpty, state.dropped > 0 else { return }
        let report = LogLine.render(
            time: Loop.wallClock, level: .warning, component: "telemetry",
            message: "log lines were dropped because their reader was slow",
            fields: ["log.lines_dropped": .integer(state.dropped)])
        if attempt(report) { state.dropped = 0 }
    }

    /// True when the line is away; also when the descriptor is broken, since nobody will ever read it then.
    private func attempt(_ line: [UInt8]) -> Bool {
        while true {
            let written = line.withUnsafeBytes { bytes in
                isSocket
                    ? send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_DONTWAIT))
                    : Glibc.write(descriptor, bytes.baseAddress, bytes.count)
            }
            if written >= 0 { return true }
            switch errno {
            case EINTR: continue
            case EAGAIN: return false
            default: return true
            }
        }
    }

    deinit {
        if ownsDescriptor { close(descriptor) }
    }
}
