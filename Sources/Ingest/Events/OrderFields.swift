package import Core

/// An order as one moment knows it: the fields of `order.created` and `order.updated`. Amounts are minor units.
package struct OrderFields: Hashable, Sendable {
    package struct Line: Hashable, Sendable {
        package var id: String
        package var productID: String?
        package var quantity: Int64?
        /// After discounts, without tax.
        package var net: Int64
    }

    /// The source's own version, or its "updated at" in milliseconds.
    package var version: Int64?
    package var currency: Currency
    package var orderAmount: Int64
    /// What the commission is computed on, where it is not the amount itself.
    package var base: Int64?
    package var referralCode: String?
    package var clickID: String?
    package var productID: String?
    package var productPrice: Int64?
    package var quantity: Int64?
    package var customerID: String?
    package var isNewCustomer: Bool?
    package var sessionID: String?
    package var fingerprint: String?
    package var lines: [Line] = []

    package init(currency: Currency, orderAmount: Int64) {
        self.currency = currency
        self.orderAmount = orderAmount
    }

    /// Canonical JSON.
    package func data() -> [UInt8] {
        var writer = DataWriter(capacity: 320 + lines.count * 64)
        writer.set("version", version)
        writer.set("currency", currency.code)
        writer.set("orderAmount", orderAmount)
        writer.set("base", base)
        writer.set("referralCode", referralCode)
        writer.set("clickId", clickID)
        writer.set("productId", productID)
        writer.set("productPrice", productPrice)
        writer.set("quantity", quantity)
        writer.set("customerId", customerID)
        writer.set("isNewCustomer", isNewCustomer)
        writer.set("sessionId", sessionID)
        writer.set("fingerprint", fingerprint)
        writer.set("lines", lines) { line, writer in
            writer.set("id", line.id)
            writer.set("productId", line.productID)
            writer.set("quantity", line.quantity)
            writer.set("net", line.net)
        }
        return writer.end()
    }
}

/// A refund: the fields of `order.refunded`. Where it has lines these count, else its amount, else its quantity.
package struct RefundFields: Hashable, Sendable {
    package struct Line: Hashable, Sendable {
        package var lineID: String
        package var quantity: Int64?
        /// Minor units on the footing of the line's net; wins over the quantity.
        package var amount: Int64?
        /// Instead of ``amount``, as ``RefundFields/majorAmount``.
        package var majorAmount: ExactDecimal?
    }

    package var refundID: String
    package var version: Int64?
    /// Of ``amount`` and the lines' amounts; it has to be the order's.
    package var currency: Currency?
    package var amount: Int64?
    /// Instead of ``amount`` where no currency is named: major units of the order's, which the ingest does not know.
    package var majorAmount: ExactDecimal?
    /// 0 says nothing: by amount only.
    package var quantity: Int64?
    package var lines: [Line] = []
    /// The refund was taken back.
    package var isRemoved = false

    package init(refundID: String) { self.refundID = refundID }

    /// Whether it says how much.
    package var saysSomething: Bool {
        isRemoved || amount != nil || majorAmount != nil || quantity ?? 0 > 0 || !lines.isEmpty
    }

    /// Canonical JSON.
    package func data() -> [UInt8] {
        var writer = DataWriter(capacity: 160 + lines.count * 48)
        writer.set("refundId", refundID)
        writer.set("version", version)
        writer.set("currency", currency?.code)
        writer.set("amount", amount)
        writer.set("amount", majorAmount?.description)
        writer.set("quantity", quantity)
        writer.set("lines", lines) { line, writer in
            writer.set("lineId", line.lineID)
            writer.set("quantity", line.quantity)
            writer.set("amount", line.amount)
            writer.set("amount", line.majorAmount?.description)
        }
        if isRemoved { writer.set("removed", true) }
        return writer.end()
    }
}
