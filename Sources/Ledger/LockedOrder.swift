import Commissions
import Core
import Crypto
import Postgres

/// An order whose row this transaction has locked, with its facts: everything that is derived is derived from these.
struct LockedOrder {
    let id: UUID
    let conversionID: UUID
    let programme: String
    let source: String
    let externalID: String
    /// The number of the last fact.
    private(set) var factsSeq: Int64
    /// The number of the last fact that the money accounts for; behind ``factsSeq`` means: a pricing is owed.
    var pricedSeq: Int64
    /// What was frozen at the first pricing; `nil` before that, and until ``readCatalogue(policy:)``.
    private(set) var catalogue: Catalogue?
    var touchDueAt: EpochMilliseconds?
    var parkedSince: EpochMilliseconds?
    private(set) var facts: [OrderFact] = []
    /// What the facts amount to.
    private(set) var state = reduce(EmptyCollection<OrderFact>())
    /// Facts that this transaction adds, with the events that brought them.
    private(set) var newFacts: [(fact: OrderFact, eventID: UUID?)] = []
    private var keys: Set<FactIdentity> = []
    /// The row's catalogue as it was read: most steps need not look into it.
    private var unreadCatalogue: UnreadCatalogue?
    /// The row's numbers and times before this transaction.
    private let stored: Progress
    private var isCatalogueNew = false

    private enum UnreadCatalogue {
        case text([UInt8])
        case json(JSON)
    }

    private struct Progress: Equatable {
        let factsSeq: Int64
        let pricedSeq: Int64
        let touchDueAt: EpochMilliseconds?
        let parkedSince: EpochMilliseconds?
    }

    /// What `order_facts_once` holds in SQL.
    private struct FactIdentity: Hashable {
        let kind: FactKind
        let key: String
    }

    /// The row alone; ``take(stored:)`` adds the facts, and ``foldFacts()`` ends that.
    init(_ row: PostgresRow) throws {
        id = try row.uuid(0)
        conversionID = .derived("conversion", id.description)
        programme = try row.text(1)
        source = try row.text(2)
        externalID = try row.text(3)
        factsSeq = try row.int(4)
        pricedSeq = try row.int(5)
        unreadCatalogue = try row.optionalJSONBytes(6).map { .text($0) }
        touchDueAt = try row.optionalTimestamp(7)
        parkedSince = try row.optionalTimestamp(8)
        stored = Progress(
            factsSeq: factsSeq, pricedSeq: pricedSeq, touchDueAt: touchDueAt, parkedSince: parkedSince)
    }

    /// Whether the order has been priced once: its catalogue is frozen, read or not.
    var isFrozen: Bool { catalogue != nil || unreadCatalogue != nil }

    /// Whether its money is what its facts say. The target is a function of the facts and of what is frozen alone, so there is
    /// nothing to compute.
    var isSettled: Bool { isFrozen && pricedSeq == factsSeq && newFacts.isEmpty }

    /// Whether the row has to be written.
    var isRowChanged: Bool {
        isCatalogueNew
            || stored
                != Progress(
                    factsSeq: factsSeq, pricedSeq: pricedSeq, touchDueAt: touchDueAt, parkedSince: parkedSince)
    }

    /// What the row's catalogue has to become; `nil` leaves it as it is.
    var newCatalogue: JSON? { isCatalogueNew ? catalogue?.data : nil }

    /// The versions of policies that the catalogue names, for ``readCatalogue(policy:)``; none when that is done.
    mutating func policyIDs() throws -> [UUID] {
        guard case .text(let text)? = unreadCatalogue else { return [] }
        let json = try JSON.parse(text)
        unreadCatalogue = .json(json)
        return Catalogue.policyIDs(in: json)
    }

    /// - Parameter policy: finds a version of a policy that ``policyIDs()`` names.
    mutating func readCatalogue(policy: (UUID) -> Policy?) throws {
        guard case .json(let json)? = unreadCatalogue else { return }
        catalogue = try Catalogue(data: json, policy: policy)
        unreadCatalogue = nil
    }

    /// Keeps what a pricing has frozen.
    mutating func freeze(_ new: Catalogue) {
        guard catalogue != new else { return }
        catalogue = new
        isCatalogueNew = true
    }

    func commissionID(of partnerID: UUID) -> UUID { .derived("commission", id.description, partnerID.description) }

    mutating func take(stored fact: OrderFact) {
        facts.append(fact)
        keys.insert(FactIdentity(kind: fact.kind, key: fact.key))
    }

    /// To be called when all stored facts were taken.
    mutating func foldFacts() { state = reduce(facts) }

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
        foldFacts()
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
