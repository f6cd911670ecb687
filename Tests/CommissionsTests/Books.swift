import Commissions
import Core

/// The books of one order as a ledger keeps them: every fact that arrives is priced at once, the difference is posted, and
/// the rows' states follow. What an order of arrival could spoil, it would spoil here.
struct Books {
    struct Row: Hashable {
        var status: CommissionStatus
        var reason: ReasonCode?
    }

    let context: PricingContext
    /// Uses left of limited policies.
    var left: [UUID: Int64]
    private(set) var facts: [OrderFact] = []
    private(set) var catalogue: Catalogue?
    private(set) var balances: [PartnerAmount: Int64] = [:]
    private(set) var rows: [UUID: Row] = [:]
    private(set) var entries: [Posting] = []
    private(set) var last: Target?

    init(_ context: PricingContext) {
        self.context = context
        left = Dictionary(context.policies.compactMap { policy in policy.maxUsageTotal.map { (policy.id, $0) } }) {
            first, _ in first
        }
    }

    mutating func take(_ fact: OrderFact) throws {
        facts.append(fact)
        let state = reduce(facts)
        if state.isKnown {
            if catalogue == nil { catalogue = Catalogue(freezing: state, context: context) }
            catalogue?.extend(for: state, context: context)
        }
        guard var frozen = catalogue else { return }
        var aim = target(state, frozen)
        while !aim.policyClaims.isEmpty {
            for id in aim.policyClaims {
                let isGranted = left[id, default: 0] > 0
                if isGranted { left[id, default: 0] -= 1 }
                frozen.decide(id, isGranted: isGranted)
            }
            aim = target(state, frozen)
        }
        for id in aim.policyReleases {
            left[id, default: 0] += 1
            frozen.release(id)
        }
        catalogue = frozen
        try post(aim)
        last = target(state, frozen)
    }

    private mutating func post(_ aim: Target) throws {
        let posted = balances.map { key, sum in
            PartnerAmount(partnerID: key.partnerID, money: Money(minorUnits: sum, currency: key.money.currency))
        }
        for delta in try deltas(to: aim, posted: posted) {
            balances[account(delta), default: 0] += delta.money.minorUnits
            if let posting = Posting(delta: delta.money.minorUnits, status: rows[delta.partnerID]?.status) {
                entries.append(posting)
            }
        }
        for partner in aim.perPartner {
            rows[partner.partnerID] = Row(
                status: .projected(from: rows[partner.partnerID]?.status, onto: partner.standing),
                reason: partner.reason)
        }
    }

    private func account(_ amount: PartnerAmount) -> PartnerAmount {
        PartnerAmount(
            partnerID: amount.partnerID, money: Money(minorUnits: 0, currency: amount.money.currency))
    }

    /// What has to be the same in whatever order the facts arrived.
    struct End: Hashable {
        let balances: [PartnerAmount: Int64]
        let rows: [UUID: Row]
        let conversion: ConversionStatus?
        let target: Target?
        let left: [UUID: Int64]
    }

    var end: End {
        End(
            balances: balances.filter { $0.value != 0 }, rows: rows, conversion: last?.conversion, target: last,
            left: left)
    }
}

/// Every order of `elements`, by Heap's algorithm.
func permutations<Element>(_ elements: [Element]) -> [[Element]] {
    guard elements.count > 1 else { return [elements] }
    return elements.indices.flatMap { index -> [[Element]] in
        var rest = elements
        let first = rest.remove(at: index)
        return permutations(rest).map { [first] + $0 }
    }
}
