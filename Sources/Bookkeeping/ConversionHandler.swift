import Core
import Crypto
package import EventLoop
package import Fleet
package import JobQueue
package import Ledger
package import Notifications
package import Postgres

/// The conversion worker's work: stores order events and their facts, and forwards orders whose money has to move.
@Loop
package final class ConversionHandler: JobHandler {
    /// What a shop's hook sent that cannot be used: kept with its reason.
    nonisolated package static let unusableHookKind = "unusable-hook.v1"

    package let kinds: Set<String>? = [EventEnvelope.jobKind, unusableHookKind]

    private let book: OrderBook
    private let pool: PostgresPool
    private let alerts: OperatorAlerts

    /// - Parameter channels: where the operators hear of refunds above their order; none by default.
    package init(book: OrderBook, pool: PostgresPool, channels: [Notification.Channel] = []) {
        self.book = book
        self.pool = pool
        alerts = OperatorAlerts(pool: pool, channels: channels)
    }

    package func handle(_ batch: [LeasedJob]) async throws -> [JobOutcome] {
        var outcomes = [JobOutcome](repeating: .completed(), count: batch.count)
        var envelopes: [(job: Int, envelope: EventEnvelope)] = []
        var hooks: [(job: Int, hook: UnusableHook)] = []
        for (index, job) in batch.enumerated() {
            do {
                if job.kind == Self.unusableHookKind {
                    hooks.append((index, try UnusableHook(payload: job.payload)))
                } else {
                    envelopes.append((index, try EventEnvelope(payload: job.payload)))
                }
            } catch {
                outcomes[index] = .dead(reason: "malformed payload: \(error)")
            }
        }
        if !hooks.isEmpty { try await UnusableHook.store(hooks.map(\.hook), pool) }
        guard !envelopes.isEmpty else { return outcomes }
        let recording = try await book.record(envelopes.map(\.envelope))
        var jobOf: [UUID: Int] = [:]
        for (index, envelope) in envelopes { jobOf[envelope.orderID] = index }
        for owed in recording.owedPricings {
            guard let index = jobOf[owed.orderID] else { continue }
            outcomes[index].forward([.pricing(owed)])
        }
        let alerts = try await alerts.overRefunded(recording.overRefunded)
        if let first = envelopes.first {
            outcomes[first.job].forward(recording.owedDeliveries.map(NewJob.delivery) + alerts.map(NewJob.notification))
        }
        return outcomes
    }
}

extension JobOutcome {
    /// Adds follow-ups to a completed job.
    mutating func forward(_ jobs: [NewJob]) {
        guard case .completed(let followUps) = self else { return }
        self = .completed(followUps: followUps + jobs)
    }
}

/// A hook's body that no fact could be made of.
struct UnusableHook {
    let id: UUID
    let source: String
    let topic: String?
    let reason: String
    let payload: [UInt8]
    let acceptedAt: EpochMilliseconds

    private static let insert = PostgresStatement(
        "insert_unusable_hooks",
        """
        INSERT INTO unusable_hooks (id, source, topic, reason, payload, accepted_at)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::timestamptz[])
        ON CONFLICT (id) DO NOTHING
        """)

    init(payload: [UInt8]) throws {
        let json = try JSON.parse(payload)
        guard let source = json["source"]?.string, let reason = json["reason"]?.string,
            let body = json["payload"]?.string.flatMap({ Base64.decode($0) }),
            let accepted = json["acceptedAt"]?.integer
        else {
            throw EventEnvelope.Malformed(description: "an unusable hook needs source, reason, payload and acceptedAt")
        }
        self.source = source
        self.reason = reason
        self.payload = body
        topic = json["topic"]?.string
        acceptedAt = EpochMilliseconds(rawValue: accepted)
        id = .derived("unusable-hook", source, Hex.encode(SHA256.digest(payload)))
    }

    @Loop static func store(_ hooks: [Self], _ pool: PostgresPool) async throws {
        _ = try await pool.query(
            insert,
            [
                .uuids(hooks.map(\.id)), .texts(hooks.map(\.source)), .texts(hooks.map(\.topic)),
                .texts(hooks.map(\.reason)), .bytesArray(hooks.map(\.payload)), .timestamps(hooks.map(\.acceptedAt)),
            ])
    }
}
