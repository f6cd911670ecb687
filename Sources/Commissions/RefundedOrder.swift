/// An order's base, line by line, and what refunds left of it. Always computed from all refunds together.
package struct RefundedOrder: Hashable, Sendable {
    package struct Line: Hashable, Sendable {
        package let id: String
        package let productID: String?
        package let base: Int64
        /// Of the base, 0...base.
        package let refunded: Int64
        package var net: Int64 { base - refunded }
    }

    package let lines: [Line]
    /// What customers got back, on the footing of the order's amount and never above it.
    package let amount: Int64
    package let quantity: Int64
    /// Refunds that count, without those taken back.
    package let count: Int
    /// Refunds say more than there is: the target stops at 0, an alert is due.
    package let exceedsOrder: Bool
    /// Nothing is left.
    package let isFull: Bool

    package var isPartial: Bool { count > 0 && !isFull }
    package var base: Int64 { lines.reduce(0) { $0 + $1.base } }
    package var net: Int64 { lines.reduce(0) { $0 + $1.net } }
}
