import Commissions
import Core
import Crypto
import Postgres

/// An order whose row this transaction has locked, with its facts: everything that is derived is derived from these.
struct LockedOrder {
    let id: UUID
    let programme: String
    let source: String
    let externalID: String
    /// The number of the last fact.
    private(set) var factsSeq: Int64
    /// The number of the last fact that the money accounts for; behind ``factsSeq`` means: a pricing is owed.
    var pricedSeq: Int64
    /// What was frozen at the first pricing.
    var catalogue: Catalogue?
    var touchDueAt: EpochMilliseconds?
    var parkedSince: EpochMilliseconds?
    private(set) var facts: [OrderFact] = []
    /// Facts that this transaction adds, with the events that brought them.
    private(set) var newFacts: [(fact: OrderFact, eventID: UUID?)] = []
    private var keys: Set<FactIdentity> = []

    /// What `order_facts_once` holds in SQL.
    private struct FactIdentity: Hashable {
        let kind: FactKind
        let key: String
    }

    /// - Parameter policy: finds a version of a policy that ``policyIDs(in:)`` names.
    init(_ row: PostgresRow, policy: (UUID) -> Policy?) throws {
        id = try row.uuid(0)
        programme = try row.text(1)
        source = try row.text(2)
        externalID = try row.text(3)
        factsSeq = try row.int(4)
        pricedSeq = try row.int(5)
        catalogue = try row.optionalJSON(6).map { try Catalogue(data: $0, policy: policy) }
        touchDueAt = try row.optionalTimestamp(7)
        parkedSince = try row.optionalTimestamp(8)
    }

    /// The versions of policies that a locked row's catalogue names.
    static func policyIDs(in row: PostgresRow) throws -> [UUID] {
        try row.optionalJSON(6).map { Catalogue.policyIDs(in: $0) } ?? []
    }

    var conversionID: UUID { .derived("conversion", id.description) }

    func commissionID(of partnerID: UUID) -> UUID { .derived("commission", id.description, partnerID.description) }

    mutating func take(stored fact: OrderFact) {
        facts.append(fact)
        keys.insert(FactIdentity(kind: fact.kind, key: fact.key))
    }

    /// Adds a fact under the order's next number; `false` when the same fact is there already.
    mutating func add(
        _ body: FactBody, digest: [UInt8], occurredAt: EpochMilliseconds, acceptedAt: EpochMilliseconds, eventID: UUID?,
        ignoringUniqueness: Bool = false
    ) -> Bool {
        var body = body
        var key = body.key(digest: digest, occurredAt: occurredAt)
        if ignoringUniqueness {
            key += "#\(factsSeq + 1)"
            // Without this the fold itself would still count a refund once, by its id.
            if case .refund(var refund) = body {
                refund.refundID += "#\(factsSeq + 1)"
                body = .refund(refund)
            }
        }
        guard keys.insert(FactIdentity(kind: body.kind, key: key)).inserted else { return false }
        factsSeq += 1
        let fact = OrderFact(
            seq: factsSeq, key: key, digest: digest, occurredAt: occurredAt, acceptedAt: acceptedAt, body: body)
        facts.append(fact)
        newFacts.append((fact, eventID))
        return true
    }

    /// Adds a fact that comes from our own tables or operators: its digest is over its own content.
    mutating func add(_ body: FactBody, at instant: EpochMilliseconds) -> Bool {
        add(body, digest: SHA256.digest(body.data.serialized()), occurredAt: instant, acceptedAt: instant, eventID: nil)
    }
}

extension OrderFact {
    init(_ row: PostgresRow) throws {
        let occurredAt = try row.timestamp(5)
        let kind = try row.text(2)
        guard let kind = FactKind(rawValue: kind) else { throw LedgerError.unknownFactKind(kind) }
        self.init(
            seq: try row.int(1), key: try row.text(3), digest: try row.bytes(4), occurredAt: occurredAt,
            acceptedAt: try row.timestamp(6),
            body: try FactBody(kind: kind, data: try row.json(7), occurredAt: occurredAt))
    }
}
