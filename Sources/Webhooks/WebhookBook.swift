package import Core
package import EventLoop
package import Postgres

/// Deliveries, attempts and endpoints' states in PostgreSQL.
///
/// *The owed row is the promise*: a job is only a hint at its row, and what the row says decides. Both methods may be
/// repeated with the same arguments.
@Loop
package final class WebhookBook {
    private let pool: PostgresPool
    private let faults: WebhookFaults

    package init(pool: PostgresPool, faults: WebhookFaults = []) {
        self.pool = pool
        self.faults = faults
    }

    /// Begins an attempt for each claim whose delivery is owed and due, in one transaction. What is too old or belongs to
    /// a disabled endpoint ends here.
    ///
    /// - Returns: one standing for each claim, in their order.
    package func begin(_ claims: [DeliveryClaim]) async throws -> [DeliveryStanding] {
        guard !claims.isEmpty else { return [] }
        return try await pool.transaction { transaction in
            let ids = Set(claims.map(\.deliveryID)).sorted()
            var rows: [UUID: DeliveryRow] = [:]
            for row in try await transaction.execute(WebhookStatements.readDeliveries, [.uuids(ids)]) {
                let delivery = try DeliveryRow(row)
                rows[delivery.id] = delivery
            }
            var plan = BeginningPlan()
            let standings = claims.map { claim -> DeliveryStanding in
                guard let row = rows[claim.deliveryID] else { return .done }
                return self.faults.contains(.skipOwedLook) ? .send(row.begun(claim)) : plan.add(row, claim)
            }
            plan.post(to: transaction)
            return standings
        }
    }

    /// Records attempts' results in one transaction.
    ///
    /// - Returns: the deliveries that took their result; the others had ended, or had been begun under a higher fence.
    package func record(_ records: [AttemptRecord]) async throws -> Set<UUID> {
        guard !records.isEmpty else { return [] }
        let records = records.sorted { $0.delivery.deliveryID < $1.delivery.deliveryID }
        return try await pool.transaction { transaction in
            let ids = records.map(\.delivery.deliveryID)
            transaction.post(WebhookStatements.lockDeliveries, [.uuids(ids)])
            var taken: Set<UUID> = []
            for row in try await transaction.execute(
                WebhookStatements.recordDeliveries, AttemptRecord.deliveryColumns(records))
            {
                taken.insert(try row.uuid(0))
            }
            transaction.post(WebhookStatements.recordAttempts, AttemptRecord.attemptColumns(records))
            Self.postEndpoints(records, to: transaction)
            return taken
        }
    }

    /// Ends deliveries whose jobs ended without success.
    package func bury(_ ends: [(deliveryID: UUID, reason: String)]) async throws {
        guard !ends.isEmpty else { return }
        let ends = ends.sorted { $0.deliveryID < $1.deliveryID }
        try await pool.transaction { transaction in
            transaction.post(WebhookStatements.lockDeliveries, [.uuids(ends.map(\.deliveryID))])
            transaction.post(
                WebhookStatements.endDeliveries,
                [.uuids(ends.map(\.deliveryID)), .texts(ends.map { _ in "dead" }), .texts(ends.map(\.reason))])
        }
    }

    private static func postEndpoints(_ records: [AttemptRecord], to transaction: PostgresTransaction) {
        var pauses: [UUID: Duration] = [:]
        var disabled: [UUID: String] = [:]
        for record in records {
            let id = record.delivery.endpointID
            switch record.verdict.endpoint {
            case .unchanged: break
            case .paused(let pause): pauses[id] = max(pauses[id] ?? .zero, pause)
            case .disabled(let reason): disabled[id] = reason
            }
        }
        if !pauses.isEmpty {
            let sorted = pauses.sorted { $0.key < $1.key }
            transaction.post(
                WebhookStatements.pauseEndpoints,
                [.uuids(sorted.map(\.key)), .int8s(sorted.map { $0.value.milliseconds })])
        }
        if !disabled.isEmpty {
            let sorted = disabled.sorted { $0.key < $1.key }
            transaction.post(
                WebhookStatements.disableEndpoints, [.uuids(sorted.map(\.key)), .texts(sorted.map(\.value))])
        }
    }
}
