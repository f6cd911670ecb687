import Commissions
import Core
import EventLoop
import Postgres

/// Grants uses of limited policies to the orders of a batch, in the order in which they were accepted.
///
/// The counters are locked after the orders, sorted by id, so two batches never wait for each other. What is refused falls
/// to the order's next policy in the same transaction; what an order no longer needs is given back.
enum PolicyUses {
    @Loop static func settle(_ transaction: PostgresTransaction, _ priced: inout [PricedOrder]) async throws {
        var remaining: [UUID: Int64] = [:]
        var taken: [(policyID: UUID, orderID: UUID)] = []
        var given: [(policyID: UUID, orderID: UUID)] = []
        let byAcceptance = priced.indices.sorted { left, right in
            let (a, b) = (priced[left], priced[right])
            let (x, y) = (
                a.state.confirmation?.acceptedAt.rawValue ?? 0, b.state.confirmation?.acceptedAt.rawValue ?? 0
            )
            return x != y ? x < y : a.order.id < b.order.id
        }
        // Each round decides every open claim, and a policy is claimed once an order: it ends after as many rounds as there
        // are limited policies in a catalogue.
        while true {
            let claims = Set(priced.flatMap { $0.claims + $0.releases })
            guard !claims.isEmpty else { break }
            let unread = claims.subtracting(remaining.keys).sorted()
            if !unread.isEmpty {
                transaction.post(PolicyStatements.ensureCounters, [.uuids(unread)])
                for row in try await transaction.execute(PolicyStatements.lockCounters, [.uuids(unread)]) {
                    remaining[try row.uuid(0)] = try row.optionalInt(1) ?? .max
                }
            }
            for index in byAcceptance {
                for policyID in priced[index].releases {
                    remaining[policyID, default: 0] += 1
                    priced[index].pricing?.catalogue.release(policyID)
                    given.append((policyID, priced[index].order.id))
                }
            }
            for index in byAcceptance {
                for policyID in priced[index].claims {
                    let isGranted = remaining[policyID, default: 0] > 0
                    if isGranted {
                        remaining[policyID, default: 0] -= 1
                        taken.append((policyID, priced[index].order.id))
                    }
                    priced[index].pricing?.catalogue.decide(policyID, isGranted: isGranted)
                }
                if let pricing = priced[index].pricing, !priced[index].claims.isEmpty || !priced[index].releases.isEmpty
                {
                    let decided = Commissions.target(priced[index].state, pricing.catalogue)
                    priced[index].pricing?.target = decided
                }
            }
        }
        write(transaction, taken: taken, given: given)
    }

    @Loop private static func write(
        _ transaction: PostgresTransaction, taken: [(policyID: UUID, orderID: UUID)],
        given: [(policyID: UUID, orderID: UUID)]
    ) {
        if !given.isEmpty {
            transaction.post(
                PolicyStatements.deleteUses, [.uuids(given.map(\.policyID)), .uuids(given.map(\.orderID))])
        }
        if !taken.isEmpty {
            transaction.post(
                PolicyStatements.insertUses, [.uuids(taken.map(\.policyID)), .uuids(taken.map(\.orderID))])
        }
        guard !taken.isEmpty || !given.isEmpty else { return }
        transaction.post(
            PolicyStatements.moveCounters,
            [
                .uuids(taken.map(\.policyID) + given.map(\.policyID)),
                .int8s(taken.map { _ in 1 } + given.map { _ in -1 }),
            ])
    }
}
