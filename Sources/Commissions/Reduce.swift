import Core

/// Folds an order's facts into its state.
///
/// The result depends on the set of facts alone: not on their order, their numbers, or how often one stands there.
/// O(n log n) in the number of facts.
package func reduce(_ facts: some Sequence<OrderFact>) -> OrderState {
    var state = OrderState()
    var known: [OrderState.KnownVersion] = []
    var refunds: [(refund: Refund, digest: [UInt8])] = []
    for fact in distinct(facts) {
        switch fact.body {
        case .created(let version), .updated(let version):
            known.append(
                OrderState.KnownVersion(
                    version: version, key: fact.key, digest: fact.digest, occurredAt: fact.occurredAt,
                    isCreation: fact.kind == .created))
        case .confirmed:
            // Sorted by time: the first confirmation and the first cancellation count.
            if state.confirmation == nil {
                state.confirmation = .init(occurredAt: fact.occurredAt, acceptedAt: fact.acceptedAt)
            }
        case .cancelled(let reason):
            if state.cancellation == nil {
                state.cancellation = .init(occurredAt: fact.occurredAt, reason: reason)
            }
        case .refund(let refund): refunds.append((refund, fact.digest))
        case .touch(let touch): state.touches.append(touch)
        default: state.apply(act: fact.body)
        }
    }
    state.touches.sort { ($0.clickedAt, $0.clickID) < ($1.clickedAt, $1.clickID) }
    state.settle(known, refunds)
    return state
}

/// A fact's name within its order.
private struct Identity: Hashable {
    let kind: FactKind
    let key: String
}

/// Each fact once, by time. Were two different facts to carry one key, the later by content stays.
private func distinct(_ facts: some Sequence<OrderFact>) -> [OrderFact] {
    let facts = facts.sorted(by: OrderFact.precedes)
    guard facts.count > 1 else { return facts }
    var seen: Set<Identity> = []
    var kept: [OrderFact] = []
    for fact in facts.reversed() where seen.insert(Identity(kind: fact.kind, key: fact.key)).inserted {
        kept.append(fact)
    }
    return kept.reversed()
}

/// What counts of refunds: of each id the newest of those that are in the order's currency, as long as that is known.
private func newest(
    _ said: [(refund: Refund, digest: [UInt8])], in currency: Currency?
) -> [Refund] {
    var newest: [String: (refund: Refund, digest: [UInt8])] = [:]
    for (refund, digest) in said {
        var counted = refund
        if let currency {
            do { counted = try refund.counted(in: currency) } catch { continue }  // Its standing says why.
        }
        if let other = newest[refund.refundID], !isNewer((counted, digest), than: other) { continue }
        newest[refund.refundID] = (counted, digest)
    }
    return newest.values.map(\.refund).sorted { $0.refundID < $1.refundID }
}

private func isNewer(
    _ left: (refund: Refund, digest: [UInt8]), than right: (refund: Refund, digest: [UInt8])
) -> Bool {
    left.refund.version != right.refund.version
        ? left.refund.version > right.refund.version
        : right.digest.lexicographicallyPrecedes(left.digest)
}

extension OrderState {
    fileprivate mutating func apply(act body: FactBody) {
        switch body {
        case .attribution(let act): operatorAttributions.append(act)
        case .adjustment(let adjustment): adjustments[adjustment.partnerID] = adjustment
        case .cancellation(let act): end(act, partnerID: act.partnerID, code: .operatorCancelled)
        case .dispute(let dispute):
            switch dispute.outcome {
            case .stands: break
            case .cancelled: end(dispute.act, partnerID: dispute.partnerID, code: .disputeLost)
            case .adjusted(let newAmount, let netBase):
                adjustments[dispute.partnerID] = Adjustment(
                    act: dispute.act, partnerID: dispute.partnerID, newAmount: newAmount, netBase: netBase)
            }
        // These move money between accounts and states, which the target does not know.
        case .hold, .release, .writeOff, .payout: break
        case .created, .updated, .confirmed, .cancelled, .refund, .touch: break
        }
    }

    private mutating func end(_ act: OperatorAct, partnerID: UUID?, code: ReasonCode) {
        let end = OperatorEnd(act: act, code: code)
        if let partnerID {
            if operatorEnds[partnerID] == nil { operatorEnds[partnerID] = end }
        } else if operatorEnd == nil {
            operatorEnd = end
        }
    }

    /// Decides which version counts for what, when all facts are in.
    fileprivate mutating func settle(_ known: [KnownVersion], _ said: [(refund: Refund, digest: [UInt8])]) {
        let sorted = known.sorted { left, right in
            left.version.version != right.version.version
                ? left.version.version < right.version.version
                : left.digest.lexicographicallyPrecedes(right.digest)
        }
        refunds = newest(said, in: sorted.first?.version.currency)
        guard let first = sorted.first else { return }
        let currency = first.version.currency
        versions = sorted.filter { $0.version.currency == currency }
        otherCurrency = sorted.filter { $0.version.currency != currency }
        let creations = versions.lazy.filter(\.isCreation).map(\.occurredAt)
        convertedAt = creations.min() ?? versions.lazy.map(\.occurredAt).min()
        current = versions.last?.version
        var eligible = versions[...]
        if let confirmation {
            eligible = versions.filter { isNotLater($0.occurredAt, than: confirmation.occurredAt) }[...]
            // Confirmed before anything that is known: the oldest version is the nearest.
            if eligible.isEmpty { eligible = versions.prefix(1) }
        }
        choice = eligible.dropFirst().reduce(eligible.first?.version) { older, newer in
            older.map { newer.version.inheriting(from: $0) }
        }
        refunded = current.map { RefundedOrder($0, refunds: refunds) }
    }
}
