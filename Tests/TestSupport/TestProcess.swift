import Glibc
import Synchronization

/// A child process that never outlives the tests: it dies with them, even when they are killed with -9.
package final class TestProcess: Sendable {
    /// How a process ended.
    package enum End: Hashable, Sendable {
        case exited(Int32)
        case signalled(Int32)
    }

    /// Its process id, which is also its process group.
    package let pid: Int32
    /// The program's name, for messages.
    package let name: String
    private let end = Mutex<End?>(nil)

    /// Starts a program.
    /// - Parameters:
    ///   - path: an absolute path, or a name looked up in `PATH`.
    ///   - environment: added to this process's own; a `nil` value takes a variable away.
    ///   - logPath: file to which its stdout and stderr are appended; without it they go to /dev/null.
    ///   - user: user name to run as; honoured only when the tests run as root.
    package static func start(
        _ path: String, _ arguments: [String] = [], environment: [String: String?] = [:], logPath: String? = nil,
        directory: String? = nil, user: String? = nil
    ) throws -> TestProcess {
        let log = open(logPath ?? "/dev/null", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard log >= 0 else { throw TestSupportError("cannot open \(logPath ?? "/dev/null")") }
        defer { close(log) }
        return try start(
            path, arguments, environment: environment, stdin: nil, stdout: log, stderr: log, directory: directory,
            user: user)
    }

    static func start(
        _ path: String, _ arguments: [String], environment: [String: String?], stdin: Int32?, stdout: Int32,
        stderr: Int32, directory: String?, user: String?
    ) throws -> TestProcess {
        let program = try findProgram(path)
        var command = ["setpriv", "--pdeathsig", "KILL"]
        if let user, geteuid() == 0 { command += ["--reuid", user, "--regid", user, "--init-groups"] }
        command.append("--")
        if let directory { command += ["env", "-C", directory] }
        command += [program] + arguments
        let request = SpawnRequest(
            path: try findProgram("setpriv"), arguments: command, environment: merged(environment), stdin: stdin,
            stdout: stdout, stderr: stderr)
        let pid = try PermanentThread.shared.run { Result { try request.spawn() } }.get()
        Leftovers.add(process: pid)
        return TestProcess(pid: pid, name: program.split(separator: "/").last.map(String.init) ?? program)
    }

    private init(pid: pid_t, name: String) {
        self.pid = pid
        self.name = name
    }

    /// Whether it has not ended yet; a stopped process is running.
    package var isRunning: Bool { poll() == nil }

    /// Sends it a signal; does nothing when it has ended.
    package func signal(_ number: Int32) { if isRunning { Glibc.kill(pid, number) } }

    /// SIGSTOP: it stands still, its sockets stay open. Returns when the kernel has stopped it.
    package func pause() {
        signal(SIGSTOP)
        var information = siginfo_t()
        // WNOWAIT leaves the event for waitpid; WEXITED so that a process that dies here does not block us.
        waitid(P_PID, id_t(pid), &information, WSTOPPED | WEXITED | WNOWAIT)
    }

    /// SIGCONT.
    package func resume() { signal(SIGCONT) }

    /// SIGKILL, and waits until it is gone.
    package func kill() {
        if isRunning { Glibc.kill(pid, SIGKILL) }
        waitBlocking()
    }

    /// SIGTERM, then SIGKILL when it has not ended within `deadline`. Says how it ended.
    @discardableResult
    package func terminate(within deadline: Duration = .seconds(10)) async throws -> End {
        signal(SIGTERM)
        signal(SIGCONT)
        if let end = try await wait(within: deadline) { return end }
        return try await offLoop {
            self.kill()
            return self.waitBlocking()
        }
    }

    /// Waits for its end; `nil` when it still runs after `deadline`.
    package func wait(within deadline: Duration = .seconds(60)) async throws -> End? {
        try await offLoop { self.waitBlocking(within: deadline) }
    }

    func waitBlocking(within deadline: Duration) -> End? {
        if let end = poll() { return end }
        // Nobody else reaps it, so its id is its own until then.
        if let end = OwnedDescriptor(endOf: pid) { waitUntilReadable([end.number], until: .now + deadline) }
        return poll()
    }

    @discardableResult
    private func waitBlocking() -> End { reap(options: 0) ?? .signalled(SIGKILL) }

    private func poll() -> End? { reap(options: WNOHANG) }

    private func reap(options: Int32) -> End? {
        end.withLock { end in
            if let end { return end }
            var status: Int32 = 0
            var result = waitpid(pid, &status, options)
            while result == -1 && errno == EINTR { result = waitpid(pid, &status, options) }
            guard result == pid else { return nil }
            let termination = status & 0x7f
            let ended: End = termination == 0 ? .exited((status >> 8) & 0xff) : .signalled(termination)
            end = ended
            Leftovers.remove(process: pid)
            return ended
        }
    }

    private static func merged(_ changes: [String: String?]) -> [String] {
        var result: [String] = []
        var variable = environ
        while let text = variable.pointee {
            let entry = String(cString: text)
            if changes[String(entry.prefix { $0 != "=" })] == nil { result.append(entry) }
            variable += 1
        }
        for (name, value) in changes.sorted(by: { $0.key < $1.key }) {
            if let value { result.append("\(name)=\(value)") }
        }
        return result
    }
}

/// The absolute path of a program, or a clear failure.
package func findProgram(_ name: String, alsoIn folders: [String] = []) throws -> String {
    if name.contains("/") {
        guard access(name, X_OK) == 0 else { throw TestSupportError("\(name) is missing or not executable") }
        return name
    }
    let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
    for folder in folders + path.split(separator: ":").map(String.init) where access("\(folder)/\(name)", X_OK) == 0 {
        return "\(folder)/\(name)"
    }
    throw TestSupportError("\(name) is not installed; run ./ops/setup")
}
