import Core

extension RefundedOrder {
    /// The id of the line that an order without lines has.
    static let wholeOrder = ""

    /// What all refunds together leave of a version of the order.
    ///
    /// Refund lines are counted on the line's net; units of a line are summed before they are turned into money, so that
    /// all units leave exactly 0. Amounts of the order are summed, scaled once by base ÷ order amount, and spread over
    /// what is left of the lines. Nothing falls below 0.
    init(_ version: OrderVersion, refunds: [Refund]) {
        let bases = Self.bases(version)
        let effective = refunds.filter { !$0.isRemoved }
        guard !effective.isEmpty else {
            self.init(
                lines: bases.map { Line(id: $0.id, productID: $0.productID, base: $0.base, refunded: 0) }, amount: 0,
                quantity: 0, count: 0, exceedsOrder: false, isFull: false)
            return
        }
        var tally = Tally(bases: bases, version: version)
        for refund in effective { tally.add(refund) }
        self = tally.settled(count: effective.count)
    }

    fileprivate struct Base {
        let id: String
        let productID: String?
        /// Ordered units, at least 1.
        let quantity: Int64
        let base: Int64
    }

    private static func bases(_ version: OrderVersion) -> [Base] {
        guard !version.lines.isEmpty else {
            return [
                Base(
                    id: wholeOrder, productID: version.productID, quantity: max(version.quantity ?? 1, 1),
                    base: version.base ?? version.orderAmount)
            ]
        }
        // A base of the whole order (a discount on the cart) is spread over the lines; without one they are the base.
        var nets = version.lines.map(\.net)
        if let base = version.base, base != nets.reduce(0, saturatingSum) {
            nets = largestRemainder(total: base, weights: nets)
        }
        return zip(version.lines, nets).map { line, net in
            Base(id: line.id, productID: line.productID, quantity: max(line.quantity, 1), base: net)
        }
    }

    private struct Tally {
        let bases: [Base]
        let version: OrderVersion
        /// By line: refunded money, and refunded units without an amount.
        var amounts: [Int64]
        var units: [Int64]
        /// Those of `units` whose money no refund states.
        var unstatedUnits: [Int64]
        /// Of lines that this version does not have (any more): on the footing of the base.
        var strayAmount: Int64 = 0
        /// Of the whole order: on the footing of its amount, and in units.
        var orderAmount: Int64 = 0
        var orderUnits: Int64 = 0
        /// For people: what customers got, where refunds say so.
        var statedAmount: Int64 = 0
        var statedQuantity: Int64 = 0
        var exceedsOrder = false

        init(bases: [Base], version: OrderVersion) {
            self.bases = bases
            self.version = version
            amounts = [Int64](repeating: 0, count: bases.count)
            units = amounts
            unstatedUnits = amounts
        }

        mutating func add(_ refund: Refund) {
            statedQuantity = saturatingSum(
                statedQuantity, refund.quantity ?? refund.lines.reduce(0) { saturatingSum($0, $1.quantity ?? 0) })
            // An amount given wins over units, wherever it stands.
            guard refund.amount == nil || refund.lines.contains(where: { $0.amount != nil }) else {
                orderAmount = saturatingSum(orderAmount, refund.amount ?? 0)
                statedAmount = saturatingSum(statedAmount, refund.amount ?? 0)
                return
            }
            if refund.lines.isEmpty { orderUnits = saturatingSum(orderUnits, refund.quantity ?? 0) }
            for line in refund.lines { add(line, isStated: refund.amount != nil) }
            let lineAmount = refund.lines.reduce(0) { saturatingSum($0, $1.amount ?? 0) }
            statedAmount = saturatingSum(statedAmount, refund.amount ?? lineAmount)
        }

        private mutating func add(_ line: RefundLine, isStated: Bool) {
            let index = version.lines.isEmpty ? 0 : bases.firstIndex { $0.id == line.lineID }
            switch (index, line.amount) {
            case (let index?, let amount?): amounts[index] = saturatingSum(amounts[index], amount)
            case (nil, let amount?): strayAmount = saturatingSum(strayAmount, amount)
            case (let index?, nil):
                units[index] = saturatingSum(units[index], line.quantity ?? 0)
                if !isStated { unstatedUnits[index] = saturatingSum(unstatedUnits[index], line.quantity ?? 0) }
            // Units of a line that this version does not have say nothing in money.
            case (nil, nil): break
            }
        }

        mutating func settled(count: Int) -> RefundedOrder {
            var refunded: [Int64] = []
            for (index, line) in bases.enumerated() {
                let byUnits = part(of: line.base, units: units[index], ordered: line.quantity)
                statedAmount = saturatingSum(
                    statedAmount, part(of: line.base, units: unstatedUnits[index], ordered: line.quantity))
                refunded.append(limited(saturatingSum(amounts[index], byUnits), to: line.base))
            }
            let remaining = zip(bases, refunded).map { $0.base - $1 }
            let spread = limited(wholeOrderPart(), to: remaining.reduce(0, +))
            let parts = largestRemainder(total: spread, weights: remaining)
            let lines = zip(bases.indices, parts).map { index, part in
                Line(
                    id: bases[index].id, productID: bases[index].productID, base: bases[index].base,
                    refunded: refunded[index] + part)
            }
            let base = bases.reduce(0) { $0 + $1.base }
            let net = lines.reduce(0) { $0 + $1.net }
            let isFull = base > 0 ? net == 0 : coversAll
            return RefundedOrder(
                lines: lines, amount: limited(statedAmount, to: version.orderAmount), quantity: statedQuantity,
                count: count, exceedsOrder: exceedsOrder, isFull: isFull)
        }

        /// What refunds of the order as a whole take from the base.
        private mutating func wholeOrderPart() -> Int64 {
            let base = bases.reduce(0) { $0 + $1.base }
            let byUnits = part(of: base, units: orderUnits, ordered: orderedUnits)
            if orderUnits > 0 {
                statedAmount = saturatingSum(
                    statedAmount, part(of: version.orderAmount, units: orderUnits, ordered: orderedUnits))
            }
            let byAmount: Int64
            if orderAmount >= version.orderAmount {
                byAmount = orderAmount > 0 ? base : 0
                if orderAmount > version.orderAmount { exceedsOrder = true }
            } else {
                byAmount = scaled(
                    base, numerator: orderAmount, denominator: version.orderAmount, rounding: .halfEven)
            }
            return saturatingSum(saturatingSum(strayAmount, byAmount), byUnits)
        }

        /// Units by themselves: all of them are all of it, exactly.
        private mutating func part(of base: Int64, units: Int64, ordered: Int64) -> Int64 {
            if units > ordered { exceedsOrder = true }
            guard units < ordered else { return base }
            return scaled(base, numerator: units, denominator: ordered, rounding: .halfEven)
        }

        private mutating func limited(_ value: Int64, to most: Int64) -> Int64 {
            if value > most { exceedsOrder = true }
            return min(value, most)
        }

        private var orderedUnits: Int64 {
            max(version.quantity ?? version.lines.reduce(0) { saturatingSum($0, max($1.quantity, 1)) }, 1)
        }

        /// Of an order whose base is 0, by what the refunds say.
        private var coversAll: Bool {
            if version.orderAmount > 0, statedAmount >= version.orderAmount { return true }
            return statedQuantity >= orderedUnits
        }
    }
}
