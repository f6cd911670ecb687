import Commissions
import Core
import EventLoop
import Postgres

/// A partner's commission for an order: the stored row with what the ledger says, and what this transaction makes of it.
struct CommissionRow {
    let id: UUID
    let partnerID: UUID
    /// Of the amount. An older version of the order that comes late may bring another one.
    var currency: Currency
    /// What the ledger says, by currency.
    private(set) var balances: [Currency: CommissionBalance] = [:]
    /// The row's state and version before this transaction; `nil` for a row that it makes.
    let stored: (status: CommissionStatus, version: Int64, amount: Int64, reason: String?, currency: Currency)?

    var status: CommissionStatus
    var amount: Int64
    var reason: String?
    var policyID: UUID?
    var holdUntil: EpochMilliseconds?
    /// `nil` leaves the stored row's as it is.
    var trace: JSON?
    var metadata: JSONObject = JSONObject()
    var confirmedAt: EpochMilliseconds?
    var paidAt: EpochMilliseconds?
    var cancelledAt: EpochMilliseconds?
    var paymentMethod: String?
    var paymentReference: String?
    /// Whether something changed that no other member shows, such as the history of its adjustments.
    var isTouched = false
    /// Entries that this transaction adds.
    var postings: [(posting: Posting, currency: Currency)] = []

    init(new id: UUID, partnerID: UUID, currency: Currency) {
        self.id = id
        self.partnerID = partnerID
        self.currency = currency
        stored = nil
        status = .pending
        amount = 0
    }

    init(_ row: PostgresRow) throws {
        id = try row.uuid(1)
        partnerID = try row.uuid(2)
        policyID = try row.optionalUUID(3)
        let status = try row.text(4)
        guard let status = CommissionStatus(rawValue: status) else {
            throw LedgerError.unknownPolicyForm(policyID: id, detail: "status \(status)")
        }
        let code = try row.text(6)
        guard let currency = Currency.named(code) else {
            throw LedgerError.unknownPolicyForm(policyID: id, detail: "currency \(code)")
        }
        self.status = status
        self.currency = currency
        amount = try row.int(5)
        holdUntil = try row.optionalTimestamp(7)
        reason = try row.optionalText(8)
        metadata = try row.json(9).object ?? JSONObject()
        cancelledAt = try row.optionalTimestamp(15)
        stored = (status, try row.int(10), amount, reason, currency)
        try addBalance(row)
    }

    /// Commissions from the rows of ``OrderStatements/readCommissions``, by order.
    static func read(_ rows: PostgresRows) throws -> [UUID: [CommissionRow]] {
        var commissions: [UUID: [CommissionRow]] = [:]
        for row in rows {
            var known = commissions[try row.uuid(0)] ?? []
            if known.last?.id == (try row.uuid(1)) {
                try known[known.count - 1].addBalance(row)
            } else {
                known.append(try CommissionRow(row))
            }
            commissions[try row.uuid(0)] = known
        }
        return commissions
    }

    /// Whether a row of ``OrderStatements/readCommissions`` can be confirmed at `instant`.
    static func isPending(_ row: PostgresRow, dueAt instant: EpochMilliseconds) throws -> Bool {
        guard try row.text(4) == CommissionStatus.pending.rawValue else { return false }
        return try row.optionalTimestamp(7).map { $0 <= instant } ?? false
    }

    private mutating func addBalance(_ row: PostgresRow) throws {
        guard let code = try row.optionalText(16) else { return }
        guard let currency = Currency.named(code) else {
            throw LedgerError.unknownPolicyForm(policyID: id, detail: "currency \(code)")
        }
        balances[currency] = CommissionBalance(
            earned: try row.int(11), pending: try row.int(12), confirmed: try row.int(13), paid: try row.int(14))
    }

    /// What the ledger says in the currency of the amount.
    var balance: CommissionBalance { balances[currency] ?? CommissionBalance() }

    /// Adds the entries that bring what was earned to `due`, and what was earned in any other currency to nothing.
    mutating func post(earning due: Money) {
        for currency in Set(balances.keys).union([due.currency]).sorted(by: { $0.code < $1.code }) {
            let amount = currency == due.currency ? due.minorUnits : 0
            add(Posting(delta: amount - (balances[currency]?.earned ?? 0), status: stored?.status), in: currency)
        }
    }

    /// Adds an entry in the currency of the amount, if there is one to add.
    mutating func add(_ posting: Posting?) { add(posting, in: currency) }

    private mutating func add(_ posting: Posting?, in currency: Currency) {
        guard let posting else { return }
        postings.append((posting, currency))
    }

    /// The number of the row's next version.
    var nextVersion: Int64 { (stored?.version ?? 0) + 1 }

    /// Whether there is anything to write.
    var isChanged: Bool {
        guard let stored else { return true }
        return stored.status != status || stored.amount != amount || stored.reason != reason || !postings.isEmpty
            || stored.currency != currency || paidAt != nil || confirmedAt != nil || isTouched
    }

    var money: Money { Money(minorUnits: amount, currency: currency) }

    /// The commission as partners see it, with what an event adds.
    func json(of order: LockedOrder, adding members: [(String, JSON)] = []) -> JSON {
        var object = JSONObject([
            ("commissionId", .string(id.description)), ("conversionId", .string(order.conversionID.description)),
            ("orderId", .string(order.externalID)), ("partnerId", .string(partnerID.description)),
            ("amount", .string(money.amount)), ("amountMinor", JSON(integer: amount)),
            ("currency", .string(currency.code)), ("status", .string(status.rawValue)),
            ("version", JSON(integer: nextVersion)),
        ])
        if let holdUntil { object["holdUntil"] = .string(holdUntil.rfc3339) }
        if let reason { object["reason"] = .string(reason) }
        for (key, value) in members { object[key] = value }
        return .object(object)
    }
}

/// Writes the rows of commissions, their ledger entries and their audit, each in one statement for the whole batch.
struct CommissionWriter {
    private var rows: [(order: LockedOrder, commission: CommissionRow)] = []
    private var audits: [(entityID: UUID, action: String, user: String?, changes: JSON, reason: String?)] = []

    mutating func add(_ order: LockedOrder, _ commission: CommissionRow) { rows.append((order, commission)) }

    mutating func audit(_ commissionID: UUID, _ action: String, by user: String? = nil, changes: JSON, reason: String?)
    {
        audits.append((commissionID, action, user, changes, reason))
    }

    /// Sends everything with the next statement that is waited for; the answer says whether it hit what it was meant for.
    @Loop func write(_ transaction: PostgresTransaction, now: EpochMilliseconds) -> MovedCommissions {
        let new = rows.filter { $0.commission.stored == nil }
        if !new.isEmpty {
            transaction.post(
                OrderStatements.insertCommissions,
                [
                    .uuids(new.map(\.commission.id)), .texts(new.map(\.order.programme)), .uuids(new.map(\.order.id)),
                    .texts(new.map(\.order.externalID)), .uuids(new.map(\.order.conversionID)),
                    .uuids(new.map(\.commission.partnerID)), .uuids(new.map(\.commission.policyID)),
                    .int8s(new.map(\.commission.amount)), .texts(new.map(\.commission.currency.code)),
                    .texts(new.map(\.commission.status.rawValue)), .texts(new.map(\.commission.reason)),
                    .timestamps(new.map(\.commission.holdUntil)), .jsons(new.map { $0.commission.trace ?? [:] }),
                    .jsons(new.map { .object($0.commission.metadata) }), .timestamps(new.map(\.commission.cancelledAt)),
                ])
        }
        let moved = rows.map(\.commission).filter { $0.stored != nil }
        writeEntries(transaction)
        writeAudits(transaction, now: now)
        guard !moved.isEmpty else { return MovedCommissions() }
        let answer = transaction.ask(
            OrderStatements.updateCommissions,
            [
                .uuids(moved.map(\.id)), .int8s(moved.map { $0.stored?.version }), .int8s(moved.map(\.amount)),
                .texts(moved.map(\.status.rawValue)), .texts(moved.map(\.reason)), .jsons(moved.map(\.trace)),
                .jsons(moved.map { .object($0.metadata) }), .uuids(moved.map(\.policyID)),
                .timestamps(moved.map(\.holdUntil)), .timestamps(moved.map(\.cancelledAt)),
                .timestamps(moved.map(\.confirmedAt)), .timestamps(moved.map(\.paidAt)),
                .texts(moved.map(\.paymentMethod)), .texts(moved.map(\.paymentReference)),
                .texts(moved.map(\.currency.code)),
            ])
        return MovedCommissions(answer: answer, ids: moved.map(\.id))
    }

    @Loop private func writeEntries(_ transaction: PostgresTransaction) {
        let entries = rows.flatMap { row in
            row.commission.postings.map { (row.order, row.commission, $0.posting, $0.currency) }
        }
        guard !entries.isEmpty else { return }
        transaction.post(
            OrderStatements.insertLedgerEntries,
            [
                .uuids(entries.map(\.0.id)), .uuids(entries.map(\.1.partnerID)), .uuids(entries.map(\.1.id)),
                .texts(entries.map(\.2.kind.rawValue)), .texts(entries.map(\.2.debit.rawValue)),
                .texts(entries.map(\.2.credit.rawValue)), .texts(entries.map(\.3.code)),
                .int8s(entries.map(\.2.amount)), .int8s(entries.map { min($0.0.pricedSeq + 1, $0.0.factsSeq) }),
                .int8s(entries.map(\.0.factsSeq)),
            ])
    }

    @Loop private func writeAudits(_ transaction: PostgresTransaction, now: EpochMilliseconds) {
        guard !audits.isEmpty else { return }
        transaction.post(
            OrderStatements.insertAudit,
            [
                .uuids(audits.map { _ in UUID.version7(at: now) }), .texts(audits.map { _ in "commission" }),
                .uuids(audits.map(\.entityID)), .texts(audits.map(\.action)), .texts(audits.map(\.user)),
                .jsons(audits.map(\.changes)), .texts(audits.map(\.reason)), .texts(audits.map { _ in nil }),
            ])
    }
}

/// Commissions whose rows were sent an update that is guarded by the version which was read.
struct MovedCommissions {
    var answer: PostgresAnswer?
    var ids: [UUID] = []

    /// - Throws: ``LedgerError/lostUpdate(commissionID:)`` when one of them had been moved by somebody else.
    @Loop func check() async throws {
        guard let answer, let first = ids.first else { return }
        guard try await answer.rows().affectedRows == ids.count else {
            throw LedgerError.lostUpdate(commissionID: first)
        }
    }
}
