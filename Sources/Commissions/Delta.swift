package import Core

/// An amount of one partner.
package struct PartnerAmount: Hashable, Sendable {
    package let partnerID: UUID
    package let money: Money

    package init(partnerID: UUID, money: Money) {
        self.partnerID = partnerID
        self.money = money
    }
}

/// `delta = target − Σ ledger entries`, where it is not 0, by partner and currency.
///
/// - Parameter posted: what the ledger says of this order, at most one sum for each partner and currency: all credits to
///   the partner against programme expense less the debits, whatever became of the money since.
/// - Throws: ``MoneyError/overflow`` when the sums are beyond 64 bits.
package func deltas(to target: Target, posted: [PartnerAmount]) throws(MoneyError) -> [PartnerAmount] {
    var deltas: [PartnerAmount] = []
    for partner in target.perPartner {
        var delta = partner.money
        for amount in posted where amount.partnerID == partner.partnerID {
            if amount.money.currency == delta.currency { delta = try delta.subtracting(amount.money) }
        }
        deltas.append(PartnerAmount(partnerID: partner.partnerID, money: delta))
    }
    for amount in posted
    where !target.perPartner.contains(where: {
        $0.partnerID == amount.partnerID && $0.money.currency == amount.money.currency
    }) {
        let zero = Money(minorUnits: 0, currency: amount.money.currency)
        deltas.append(PartnerAmount(partnerID: amount.partnerID, money: try zero.subtracting(amount.money)))
    }
    return deltas.filter { $0.money.minorUnits != 0 }
}
