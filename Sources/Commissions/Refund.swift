package import Core

/// What is known of one refund of an order. Where it has lines, these count; else its amount; else its quantity.
///
/// A refund is in the currency of its order. One that names another says nothing about the order and is left out; one that
/// names none has its amounts in major units, exactly as they were written, until the order's currency is known:
/// ``counted(in:)``. So nothing is guessed, whichever of the two comes first.
package struct Refund: Hashable, Sendable {
    package var refundID: String
    /// Of several facts with one refund id the highest version counts; of equal ones the greater digest.
    package var version: Int64
    /// Named by its source.
    package var currency: Currency?
    /// Minor units of the order's currency, on the same footing as the order's amount.
    package var amount: Int64?
    /// Instead of ``amount``: major units of whatever currency the order has.
    package var majorAmount: ExactDecimal?
    /// Units; 0 says nothing ("by amount only").
    package var quantity: Int64?
    package var lines: [RefundLine]
    /// The refund was taken back: it counts as never made.
    package var isRemoved: Bool

    package init(
        refundID: String, version: Int64 = 0, currency: Currency? = nil, amount: Int64? = nil,
        majorAmount: ExactDecimal? = nil, quantity: Int64? = nil, lines: [RefundLine] = [], isRemoved: Bool = false
    ) {
        self.refundID = refundID
        self.version = version
        self.currency = currency
        self.amount = amount
        self.majorAmount = majorAmount
        self.quantity = quantity
        self.lines = lines
        self.isRemoved = isRemoved
    }
}

/// What a refund takes from one line: an amount given wins, else units count.
package struct RefundLine: Hashable, Sendable {
    package var lineID: String
    package var quantity: Int64?
    /// Minor units on the footing of the line's net.
    package var amount: Int64?
    /// Instead of ``amount``, as ``Refund/majorAmount``.
    package var majorAmount: ExactDecimal?

    package init(lineID: String, quantity: Int64? = nil, amount: Int64? = nil, majorAmount: ExactDecimal? = nil) {
        self.lineID = lineID
        self.quantity = quantity
        self.amount = amount
        self.majorAmount = majorAmount
    }
}
