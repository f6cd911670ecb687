import Commissions
import Core

/// One order in the middle of a settlement: its facts, its target, and its commissions.
struct PricedOrder {
    /// What is frozen, and the target that follows from it.
    struct Pricing {
        var catalogue: Catalogue
        var target: Target
    }

    var order: LockedOrder
    /// `nil` for an order that is settled: its commissions are what its facts say.
    var pricing: Pricing?
    var commissions: [CommissionRow]
    /// Whether this pricing has frozen something that the order's row does not have yet.
    let isFrozenNow: Bool

    init(order: LockedOrder, pricing: Pricing, commissions: [CommissionRow], isFrozenNow: Bool) {
        self.order = order
        self.pricing = pricing
        self.commissions = commissions
        self.isFrozenNow = isFrozenNow
    }

    init(settled order: LockedOrder, commissions: [CommissionRow]) {
        self.order = order
        self.commissions = commissions
        isFrozenNow = false
    }

    var state: OrderState { order.state }

    /// Limited policies of which it wants a use, and those of which it gives one back.
    var claims: [UUID] { pricing?.target.policyClaims ?? [] }
    var releases: [UUID] { pricing?.target.policyReleases ?? [] }

    /// Whether the catalogue is to stay with the order. A look for a click at an order that is neither confirmed nor
    /// cancelled prices nothing, so it freezes nothing.
    var isFrozen: Bool {
        order.isFrozen || state.isKnown && (state.confirmation != nil || state.cancellation != nil)
    }

    /// Keeps with the order what this pricing has frozen.
    mutating func freezeOrder() {
        guard let pricing, isFrozen else { return }
        order.freeze(pricing.catalogue)
    }
}
