import Core
import EventLoop
import Fleet
import JobQueue
import Postgres

extension BenchCommand {
    static let orders = BenchCommand(
        name: "orders",
        usage: "--jobs N --counts FILE [--queue commissions]; settings from the environment, until TERM"
    ) { options in
        try await CountedWork.run(options, try FleetConfiguration.load(required: [.postgresURL])) { fleet, counts in
            OrderHandler(pool: fleet.postgres, counts: counts)
        }
    }
}

/// The smallest order step that is of use: a look-up, two rows, a follow-up job. `ops/bench/order_work.py` has the tables.
enum OrderBench {
    static let kind = "order.v1"
    static let followUpKind = "order-accepted.v1"
    static let followUpQueue = QueueName.webhooks
    private static let accounts = 10_000
    private static let textBytes = 120

    static func job(_ number: Int, id: String, queue: QueueName) -> NewJob {
        let payload = """
            {"id":\(number),"account":"account-\(1 + number * 7919 % accounts)","key":"order-\(number)",\
            "amount":\(number % 1000),"note":"\(text)"}
            """
        return NewJob(id: id, queue: queue, kind: kind, payload: Array(payload.utf8), shardKey: id)
    }

    /// Of the job's own shard, so that acknowledgement and follow-up are one script.
    static func followUp(of job: LeasedJob, key: String) -> NewJob {
        NewJob(
            id: "accepted-\(job.id)", queue: followUpQueue, kind: followUpKind,
            payload: Array(#"{"key":"\#(key)","type":"order.accepted","note":"\#(text)"}"#.utf8), shardKey: job.id)
    }

    private static let text = String(repeating: "x", count: textBytes)
}

/// One transaction a batch, whose one statement is sent with BEGIN and COMMIT around it.
@Loop
private final class OrderHandler: JobHandler {
    let kinds: Set<String>? = [OrderBench.kind]
    private let pool: PostgresPool
    private let counts: WorkCounts

    /// An order whose key is there already has its row: a job that comes again changes nothing.
    private static let insert = PostgresStatement(
        "bench_insert_orders",
        """
        WITH given AS (SELECT * FROM unnest($1, $2, $3, $4) AS given (account, key, amount, note)),
        fresh AS (INSERT INTO bench_keys (key) SELECT key FROM given ON CONFLICT DO NOTHING RETURNING key)
        INSERT INTO bench_orders (account_id, key, amount, note)
        SELECT account.id, given.key, given.amount, given.note
        FROM given JOIN fresh USING (key) JOIN bench_accounts account ON account.name = given.account
        """)

    init(pool: PostgresPool, counts: WorkCounts) {
        self.pool = pool
        self.counts = counts
    }

    func handle(_ batch: [LeasedJob]) async throws -> [JobOutcome] {
        counts.began()
        var accounts: [String?] = []
        var keys: [String?] = []
        var amounts: [Int32?] = []
        var notes: [String?] = []
        var outcomes: [JobOutcome] = []
        outcomes.reserveCapacity(batch.count)
        for job in batch {
            guard let order = try JSON.parse(job.payload).object, let account = order["account"]?.string,
                let key = order["key"]?.string, let amount = order["amount"]?.integer, let note = order["note"]?.string
            else {
                outcomes.append(.dead(reason: "no order"))
                continue
            }
            accounts.append(account)
            keys.append(key)
            amounts.append(Int32(clamping: amount))
            notes.append(note)
            outcomes.append(.completed(followUps: [OrderBench.followUp(of: job, key: key)]))
        }
        let values: [PostgresValue] = [.texts(accounts), .texts(keys), .int4s(amounts), .texts(notes)]
        try await pool.transaction { transaction in transaction.post(Self.insert, values) }
        return outcomes
    }
}
