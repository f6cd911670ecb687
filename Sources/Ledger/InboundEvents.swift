import Core
import EventLoop
import Postgres

/// The events of one batch against those that are stored: which are new, which come again, which contradict.
///
/// Reads under the orders' locks, so that no other transaction can be storing the same event meanwhile.
struct InboundEvents {
    private(set) var outcomes: [OrderBook.RecordOutcome] = []
    private var digests: [UUID: [UInt8]]
    private var new: [(envelope: EventEnvelope, state: String, reason: String?)] = []
    private var conflicts: [EventEnvelope] = []
    private let isForgetful: Bool

    /// Asks which of the events are stored; to be asked after the orders' locks.
    @Loop static func ask(_ transaction: PostgresTransaction, _ envelopes: [EventEnvelope]) -> PostgresAnswer {
        transaction.ask(OrderStatements.readInboundDigests, [.uuids(Set(envelopes.lazy.map(\.eventID)).sorted())])
    }

    /// - Parameters:
    ///   - known: the rows of ``ask(_:_:)``.
    ///   - isForgetful: ``LedgerFaults/skipFactUniqueness``: every event counts as new.
    init(known: PostgresRows, isForgetful: Bool) throws {
        digests = Dictionary(minimumCapacity: known.count)
        for row in known { digests[try row.uuid(0)] = try row.bytes(1) }
        self.isForgetful = isForgetful
    }

    /// Decides about one event; `apply` is asked only for one that is new.
    mutating func settle(_ envelope: EventEnvelope, apply: () -> OrderBook.RecordOutcome) {
        if !isForgetful, let digest = digests[envelope.eventID] {
            if digest == envelope.digest {
                outcomes.append(.duplicate)
            } else {
                outcomes.append(.eventIDReused)
                conflicts.append(envelope)
            }
            return
        }
        digests[envelope.eventID] = envelope.digest
        let outcome = apply()
        outcomes.append(outcome)
        switch outcome {
        case .applied: new.append((envelope, "applied", nil))
        case .duplicate: new.append((envelope, "duplicate", "the same fact was known from another event"))
        case .stale: new.append((envelope, "stale", "a newer version of the order was known"))
        case .refused(let reason): new.append((envelope, "refused", reason))
        case .eventIDReused: preconditionFailure("a new event cannot be a reused one")
        }
    }

    @Loop func write(_ transaction: PostgresTransaction) {
        if !new.isEmpty {
            transaction.post(
                OrderStatements.insertInbound,
                [
                    .uuids(new.map(\.envelope.eventID)), .texts(new.map(\.envelope.programme)),
                    .texts(new.map(\.envelope.source)), .texts(new.map(\.envelope.externalEventID)),
                    .texts(new.map(\.envelope.type.rawValue)), .uuids(new.map(\.envelope.orderID)),
                    .bytesArray(new.map(\.envelope.digest)), .bytesArray(new.map(\.envelope.payload)),
                    .texts(new.map(\.state)), .texts(new.map(\.reason)), .timestamps(new.map(\.envelope.acceptedAt)),
                ])
        }
        if !conflicts.isEmpty {
            transaction.post(
                OrderStatements.insertInboundConflicts,
                [
                    .uuids(conflicts.map(\.eventID)), .bytesArray(conflicts.map(\.digest)),
                    .bytesArray(conflicts.map(\.payload)), .timestamps(conflicts.map(\.acceptedAt)),
                ])
        }
    }
}
