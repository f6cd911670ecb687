package import Core

/// What an order's facts amount to, whatever their order of arrival. Built by ``reduce(_:)``.
package struct OrderState: Hashable, Sendable {
    /// A version with the fact that brought it.
    package struct KnownVersion: Hashable, Sendable {
        package let version: OrderVersion
        /// The fact's key.
        package let key: String
        package let digest: [UInt8]
        package let occurredAt: EpochMilliseconds
        package let isCreation: Bool
    }

    package struct Confirmation: Hashable, Sendable {
        package let occurredAt: EpochMilliseconds
        package let acceptedAt: EpochMilliseconds
    }

    package struct Cancellation: Hashable, Sendable {
        package let occurredAt: EpochMilliseconds
        package let reason: String?
    }

    /// Why an operator ended a partner's commission.
    package struct OperatorEnd: Hashable, Sendable {
        package let act: OperatorAct
        package let code: ReasonCode
    }

    /// All versions of the order's currency, the newest last: by number, then by digest.
    package internal(set) var versions: [KnownVersion] = []
    /// Versions left out because their currency is not that of the order's first version, which rules.
    package internal(set) var otherCurrency: [KnownVersion] = []
    package internal(set) var confirmation: Confirmation?
    package internal(set) var cancellation: Cancellation?
    /// By refund id; those taken back are among them, those in another currency than the order's are not.
    package internal(set) var refunds: [Refund] = []
    /// By the time of the click.
    package internal(set) var touches: [Touch] = []
    /// The last adjustment of each partner.
    package internal(set) var adjustments: [UUID: Adjustment] = [:]
    /// The first cancellation by an operator of each partner.
    package internal(set) var operatorEnds: [UUID: OperatorEnd] = [:]
    /// The same for all partners of the order.
    package internal(set) var operatorEnd: OperatorEnd?
    /// To whom operators gave the order, the last of them last.
    package internal(set) var operatorAttributions: [OperatorAct] = []

    /// When the order was made: the first creation, else the first update that is known.
    package internal(set) var convertedAt: EpochMilliseconds?
    /// The version that decides who is paid by which policy: the highest one not later than the confirmation.
    /// What it does not say about the visitor is filled from older versions.
    package internal(set) var choice: OrderVersion?
    /// The version that says the amounts: the highest one.
    package internal(set) var current: OrderVersion?
    /// The net base and what was refunded; `nil` while there is no version.
    package internal(set) var refunded: RefundedOrder?

    package var isKnown: Bool { !versions.isEmpty }

    /// The conversion's state.
    package var conversion: ConversionStatus {
        if cancellation != nil { return .cancelled }
        guard let refunded else { return .pending }
        if refunded.isFull { return .refunded }
        guard confirmation != nil else { return .pending }
        return refunded.isPartial ? .partialRefund : .confirmed
    }

    /// Facts wait for the order to be created: a confirmation or a refund without a version. (A cancellation does not
    /// wait, it leaves a tombstone.)
    package var isWaitingForParent: Bool {
        !isKnown && cancellation == nil && (confirmation != nil || !refunds.isEmpty)
    }

    /// When the 2 AM batch may confirm, for a commission born now: later settings do not move what is on a row.
    /// `nil` while the order is not confirmed.
    package func holdUntil(in programme: Programme) -> EpochMilliseconds? {
        guard let confirmation else { return nil }
        return max(confirmation.occurredAt, confirmation.acceptedAt) + programme.hold
    }

    /// The click that the order names and that is not among its touches: it may still be in its queue.
    package var awaitedClickID: UUID? {
        guard let clickID = choice?.clickID.flatMap({ UUID($0) }) else { return nil }
        return touches.contains { $0.clickID == clickID } ? nil : clickID
    }

    /// Everything that the facts name.
    package var references: References {
        var references = References()
        for touch in touches {
            references.partnerIDs.insert(touch.partnerID)
        }
        for act in operatorAttributions {
            if let partnerID = act.partnerID { references.partnerIDs.insert(partnerID) }
        }
        for known in versions + otherCurrency {
            if let code = known.version.referralCode { references.referralCodes.insert(code) }
            if let product = known.version.productID { references.productIDs.insert(product) }
            for line in known.version.lines {
                if let product = line.productID { references.productIDs.insert(product) }
            }
        }
        return references
    }
}
