import Core

extension Refund {
    /// Why a refund says nothing about its order.
    enum Mismatch: Error, Hashable, Sendable {
        /// It names another currency than the order has.
        case currency
        /// Its amounts, said without a currency, are none of the order's: more decimals than it has, or too large.
        case amount
    }

    /// The refund with all amounts in minor units of the order's currency.
    func counted(in currency: Currency) throws(Mismatch) -> Refund {
        if let own = self.currency, own != currency { throw .currency }
        guard majorAmount != nil || lines.contains(where: { $0.majorAmount != nil }) else { return self }
        var counted = self
        if let majorAmount {
            counted.amount = try Self.minorUnits(majorAmount, currency)
            counted.majorAmount = nil
        }
        for (index, line) in lines.enumerated() {
            guard let majorAmount = line.majorAmount else { continue }
            counted.lines[index].amount = try Self.minorUnits(majorAmount, currency)
            counted.lines[index].majorAmount = nil
        }
        return counted
    }

    private static func minorUnits(_ amount: ExactDecimal, _ currency: Currency) throws(Mismatch) -> Int64 {
        let minorUnits: Int64
        do { minorUnits = try amount.minorUnits(in: currency) } catch { throw .amount }
        guard (0...FactLimits.amountMax).contains(minorUnits) else { throw .amount }
        return minorUnits
    }
}
