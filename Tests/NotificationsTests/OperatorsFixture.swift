import Bookkeeping
import Core
import EventLoop
import Glibc
import HTTPServer
import JobQueue
import Ledger
import Notifications
import Postgres
import TestSupport

@testable import Fleet

/// What the operators get: a mail server, a chat, and a notification worker that is set up as the executable sets it up.
@Loop
final class OperatorsFixture {
    let configuration: FleetConfiguration
    let pool: PostgresPool
    private(set) var chatTexts: [String] = []
    private let mailPort: Int
    private let journal: String
    private var chat: HTTPServer?
    private var mailbox: TestProcess?
    private var running: [(process: FleetProcess, run: Task<ExitCode, Never>)] = []

    /// Runs `body` with everything but the mail server, and ends everything after it.
    static func run(_ body: @Loop (OperatorsFixture) async throws -> Void) async throws {
        let fixture = try await OperatorsFixture()
        do {
            try await fixture.startMailbox()
            try await body(fixture)
        } catch {
            await fixture.stop()
            throw error
        }
        await fixture.stop()
    }

    private final class Link { weak var fixture: OperatorsFixture? }

    private init() async throws {
        let link = Link()
        let chat = HTTPServer { request in
            link.fixture?.chatTexts.append(String(decoding: request.body, as: UTF8.self))
            return HTTPResponse(status: 200)
        }
        try chat.start()
        self.chat = chat
        mailPort = try TestPort.free()
        journal = "/tmp/\(uniqueName("mail")).jsonl"
        let redis = try await TestServers.redis
        let postgres = try await TestServers.postgres
        configuration = try FleetConfiguration.load(
            environment: [
                "TRIBUTARY_REDIS_URL": redis.url, "TRIBUTARY_POSTGRES_URL": postgres.url,
                "TRIBUTARY_SCHEMA": uniqueName("operators"), "TRIBUTARY_PREFIX": uniqueName("operators"),
                "TRIBUTARY_DURABILITY": "warn", "TRIBUTARY_SHARDS": "2", "TRIBUTARY_DRAIN_MS": "2000",
                "TRIBUTARY_SMTP_URL": "smtp://127.0.0.1:\(mailPort)", "TRIBUTARY_ALLOW_HTTP": "1",
                "TRIBUTARY_MAIL_FROM": "fleet@example.com", "TRIBUTARY_MAIL_TO": "ops@example.com,boss@example.com",
                "TRIBUTARY_CHAT_URL": "http://127.0.0.1:\(chat.port)/chat",
            ], required: [.postgresURL], resolve: { $0 })
        guard let postgresConfiguration = configuration.postgres else { throw TestSupportError("no PostgreSQL") }
        pool = PostgresPool(postgresConfiguration)
        pool.start()
        link.fixture = self
        try await pool.waitUntilReady(within: .seconds(10))
        _ = try await Migrator(pool: pool).migrate()
    }

    private func stop() async {
        for (process, run) in running {
            process.stopSignal()
            _ = await run.value
        }
        await stopMailbox()
        await chat?.stop(deadline: .seconds(1))
        await pool.close()
        unlink(journal)
    }

    func startMailbox() async throws {
        let root = #filePath.split(separator: "/Tests/")[0]
        let ready = journal + ".ready"
        mailbox = try TestProcess.start(
            "python3",
            ["\(root)/ops/receiver/mailbox.py", "--port", "\(mailPort)", "--journal", journal, "--ready-file", ready])
        try await eventually(within: .seconds(30)) { access(ready, F_OK) == 0 }
        unlink(ready)
    }

    func stopMailbox() async {
        // It ends by SIGKILL when it does not heed SIGTERM; then it has ended all the same.
        _ = try? await mailbox?.terminate()
        mailbox = nil
    }

    /// Starts a process of the fleet in this one; returns when it works.
    func start(_ setUp: @escaping @Loop (FleetProcess) async throws -> Void) async throws -> FleetProcess {
        var isSetUp = false
        let process = FleetProcess("tributary-test-worker", configuration) { fleet in
            try await setUp(fleet)
            isSetUp = true
        }
        running.append((process, Task { @Loop in await process.run() }))
        try await eventually(within: .seconds(30)) { isSetUp }
        return process
    }

    /// Sends what is owed: the worker, and one sweep now and each time it is asked.
    func startNotificationWorker() async throws -> FleetProcess {
        try await start { fleet in
            let handler = NotificationHandler(pool: fleet.postgres, sender: NotificationSender(fleet.configuration))
            var options = WorkerOptions()
            // Ten attempts have to outlast the start of a mail server, and no test waits long for the next one.
            options.retryPolicy = RetryPolicy(base: .seconds(1), factor: 1, cap: .seconds(1))
            fleet.work(
                .notifications, handler, recorder: NotificationEnds(pool: fleet.postgres), options: options)
        }
    }

    /// As the batch worker's sweep does every 10 s.
    func sweep(_ process: FleetProcess) async throws {
        _ = try await OwedWork(pool: process.postgres, queue: process.queue).enqueueDue(olderThan: .zero)
    }

    /// The mails so far, oldest first.
    func mails() throws -> [(to: [String], subject: String, message: String)] {
        guard let file = fopen(journal, "r") else { return [] }
        defer { fclose(file) }
        var text: [UInt8] = []
        var byte = fgetc(file)
        while byte != EOF {
            text.append(UInt8(truncatingIfNeeded: byte))
            byte = fgetc(file)
        }
        return try text.split(separator: UInt8(ascii: "\n")).map { line in
            let mail = try JSON.parse(Array(line))
            return (
                (mail["to"]?.array ?? []).compactMap(\.string), mail["subject"]?.string ?? "",
                (mail["message"]?.string ?? "").replacing("=\r\n", with: "")
            )
        }
    }

    /// `channel status` of each notification: by the time of writing, and of one message mail before chat. (Ids of one millisecond
    /// have no order.)
    func notifications() async throws -> [String] {
        try await pool.query(
            PostgresStatement(
                "test_states",
                "SELECT concat_ws(' ', channel, status) FROM notifications ORDER BY created_at, channel DESC")
        ).map { try $0.text(0) }
    }

    func execute(_ sql: String) async throws { _ = try await pool.query(PostgresStatement(uniqueName("test"), sql)) }
}
