import Glibc
import Synchronization

/// A Redis server of the tests' own, on a free port with a private data directory.
package final class PrivateRedis: Sendable {
    /// When Redis flushes its append-only file; `no` leaves it to the kernel.
    package enum AppendFsync: String, Sendable {
        case no, everysec, always
    }

    package let host = "127.0.0.1"
    package let port: Int
    /// Holds `appendonlydir/`; removed by ``stop()``.
    package let dataDirectory: String
    /// What Redis has logged.
    package let logPath: String
    /// `redis://127.0.0.1:<port>/0`.
    package var url: String { "redis://\(host):\(port)/0" }

    private let arguments: [String]
    private let environment: [String: String?]
    private let process: Mutex<TestProcess>

    /// Starts a server with an append-only file and `noeviction`, and waits until it answers.
    /// - Parameters:
    ///   - options: more arguments for the command line, such as `["--maxmemory", "50mb"]`; they win.
    ///   - appendfsync: `.no` by default: a killed process loses nothing the kernel has, and tests are faster.
    ///   - environment: for a preloaded library.
    package static func start(
        options: [String] = [], appendfsync: AppendFsync = .no, environment: [String: String?] = [:]
    ) async throws -> PrivateRedis {
        try await offLoop {
            try PrivateRedis(options: options, appendfsync: appendfsync, environment: environment)
        }
    }

    private init(options: [String], appendfsync: AppendFsync, environment: [String: String?]) throws {
        port = try TestPort.free()
        dataDirectory = try Leftovers.makeDirectory("redis")
        logPath = "\(dataDirectory)/redis.log"
        self.environment = environment
        arguments =
            [
                "--port", "\(port)", "--bind", host, "--dir", dataDirectory, "--save", "", "--appendonly", "yes",
                "--appendfsync", appendfsync.rawValue, "--maxmemory-policy", "noeviction", "--daemonize", "no",
                "--protected-mode", "no",
            ] + options
        process = Mutex(try Self.launch(arguments, environment, logPath))
        try waitUntilReady()
    }

    /// The server's process id; another one after ``restart()``.
    package var pid: Int32 { process.withLock { $0.pid } }

    /// SIGSTOP: connections stay open and say nothing.
    package func pause() { process.withLock { $0.pause() } }

    package func resume() { process.withLock { $0.resume() } }

    /// SIGKILL, and waits until it is gone. The data directory stays for ``restart()``.
    package func kill() { process.withLock { $0.kill() } }

    /// Starts it again on the same port and data directory; kills it first when it still runs. Returns when it answers.
    package func restart() async throws {
        try await offLoop {
            try self.process.withLock { process in
                process.kill()
                process = try Self.launch(self.arguments, self.environment, self.logPath)
            }
            try self.waitUntilReady()
        }
    }

    /// Ends the server and removes its data.
    package func stop() {
        kill()
        Leftovers.remove(directory: dataDirectory)
    }

    private static func launch(
        _ arguments: [String], _ environment: [String: String?], _ logPath: String
    ) throws -> TestProcess {
        try TestProcess.start("redis-server", arguments, environment: environment, logPath: logPath)
    }

    private func waitUntilReady() throws {
        let probe = ServerProbe(
            name: "redis-server", port: port, request: Array("PING\r\n".utf8), answerPrefix: Array("+PONG".utf8),
            logPath: logPath)
        try probe.waitUntilReady(process.withLock { $0 })
    }
}
