import Glibc
import Synchronization

/// A PostgreSQL server of the tests' own, on a free port with a private data directory.
///
/// It runs as the user `postgres` when the tests run as root, which PostgreSQL refuses.
package final class PrivatePostgres: Sendable {
    package let host = "127.0.0.1"
    package let port: Int
    /// Superuser without a password, from 127.0.0.1 only.
    package let user = "postgres"
    package let database = "postgres"
    /// Holds `data/` and `postgres.log`; removed by ``stop()``.
    package let directory: String
    package var logPath: String { "\(directory)/postgres.log" }
    /// `postgresql://postgres@127.0.0.1:<port>/postgres`.
    package var url: String { "postgresql://\(user)@\(host):\(port)/\(database)" }

    private let arguments: [String]
    private let process: Mutex<TestProcess>
    private static let systemUser = "postgres"

    /// Makes a cluster, starts it and waits until it accepts sessions. fsync and synchronous commit are on.
    /// - Parameter options: settings such as `["fsync=off"]`; they win.
    package static func start(options: [String] = []) async throws -> PrivatePostgres {
        try await offLoop { try PrivatePostgres(options: options) }
    }

    private init(options: [String]) throws {
        port = try TestPort.free()
        var owner: uid_t?
        if geteuid() == 0 {
            guard let entry = getpwnam(Self.systemUser) else {
                throw TestSupportError("the user \(Self.systemUser) is missing; run ./ops/setup")
            }
            owner = entry.pointee.pw_uid
        }
        directory = try Leftovers.makeDirectory("postgres", owner: owner)
        let settings =
            [
                "port=\(port)", "listen_addresses=\(host)", "unix_socket_directories=\(directory)",
                "max_connections=800", "shared_buffers=128MB", "max_wal_size=2GB", "checkpoint_timeout=30min",
                "autovacuum_naptime=10s", "log_min_messages=warning", "timezone=UTC", "log_timezone=UTC",
                "fsync=on", "synchronous_commit=on",
            ] + options
        arguments = ["-D", "\(directory)/data"] + settings.flatMap { ["-c", $0] }
        let made = try runCommandBlocking(
            Self.program("initdb"),
            [
                "-D", "\(directory)/data", "-U", user, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync",
                "--no-instructions",
            ], directory: directory, user: Self.systemUser)
        guard made.status == 0 else { throw TestSupportError("initdb failed: \(made.stdout)\(made.stderr)") }
        process = Mutex(try Self.launch(arguments, directory))
        try waitUntilReady()
    }

    /// The postmaster's process id; another one after ``restart()``.
    package var pid: Int32 { process.withLock { $0.pid } }

    /// SIGSTOP for the postmaster and every process of the server: connections stay open and say nothing.
    package func pause() {
        process.withLock { process in
            process.pause()
            for child in ProcessTable.children(of: process.pid) { Glibc.kill(child, SIGSTOP) }
        }
    }

    package func resume() {
        process.withLock { process in
            for child in ProcessTable.children(of: process.pid) { Glibc.kill(child, SIGCONT) }
            process.resume()
        }
    }

    /// SIGKILL for every process of the server, and waits until they are gone. The data stays for ``restart()``.
    package func kill() { process.withLock { Self.killAll($0) } }

    /// Starts it again on the same port and data; kills it first when it still runs. Returns when it accepts sessions.
    package func restart() async throws {
        try await offLoop {
            try self.process.withLock { process in
                Self.killAll(process)
                process = try Self.launch(self.arguments, self.directory)
            }
            try self.waitUntilReady()
        }
    }

    /// Ends the server and removes its data.
    package func stop() {
        kill()
        Leftovers.remove(directory: directory)
    }

    private static func killAll(_ process: TestProcess) {
        guard process.isRunning else { return }
        // The postmaster stands still while its children are listed, so that it makes no new ones.
        process.pause()
        let children = ProcessTable.children(of: process.pid)
        process.kill()
        for child in children {
            // A new postmaster refuses to start while an old process still holds the shared memory.
            guard let end = OwnedDescriptor(endOf: child) else { continue }
            Glibc.kill(child, SIGKILL)
            waitUntilReadable([end.number], until: .now + ServerProbe.deadline)
        }
    }

    private static func launch(_ arguments: [String], _ directory: String) throws -> TestProcess {
        try TestProcess.start(
            program("postgres"), arguments, logPath: "\(directory)/postgres.log", directory: directory,
            user: systemUser)
    }

    /// Debian keeps the server's programs out of `PATH`, one folder for each major version; the newest is taken.
    private static func program(_ name: String) throws -> String {
        let root = "/usr/lib/postgresql"
        let versions = directoryEntries(root).compactMap { Int($0) }.sorted(by: >)
        return try findProgram(name, alsoIn: versions.map { "\(root)/\($0)/bin" })
    }

    private func waitUntilReady() throws {
        // StartupMessage: length, protocol 3.0, parameters, end. A ready server answers `R`, a starting one `E`.
        var body: [UInt8] = [0, 3, 0, 0]
        for text in ["user", user, "database", database] { body += Array(text.utf8) + [0] }
        body.append(0)
        let length = UInt8(body.count + 4)
        let probe = ServerProbe(
            name: "postgres", port: port, request: [0, 0, 0, length] + body, answerPrefix: Array("R".utf8),
            logPath: logPath)
        try probe.waitUntilReady(process.withLock { $0 })
    }
}
