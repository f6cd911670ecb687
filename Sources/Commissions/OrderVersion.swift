package import Core

/// An order as its system described it at one moment. All amounts are minor units of `currency`, from 0 to 10^15.
package struct OrderVersion: Hashable, Sendable {
    /// The source's own version number, or its "updated at" in milliseconds. The highest is the order as it stands.
    package var version: Int64
    package var currency: Currency
    /// What the customer pays.
    package var orderAmount: Int64
    /// What the commission is computed on (items after discounts, without tax and shipping) where the adapter knows
    /// it; else the sum of the lines, else `orderAmount`.
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
    /// At most 1,000, their ids differ. An order without lines is one line.
    package var lines: [OrderLine]

    package init(
        version: Int64, currency: Currency, orderAmount: Int64, base: Int64? = nil, referralCode: String? = nil,
        clickID: String? = nil, productID: String? = nil, productPrice: Int64? = nil, quantity: Int64? = nil,
        customerID: String? = nil, isNewCustomer: Bool? = nil, sessionID: String? = nil, fingerprint: String? = nil,
        lines: [OrderLine] = []
    ) {
        self.version = version
        self.currency = currency
        self.orderAmount = orderAmount
        self.base = base
        self.referralCode = referralCode
        self.clickID = clickID
        self.productID = productID
        self.productPrice = productPrice
        self.quantity = quantity
        self.customerID = customerID
        self.isNewCustomer = isNewCustomer
        self.sessionID = sessionID
        self.fingerprint = fingerprint
        self.lines = lines
    }

    /// Fills what this version does not say about the visitor and the product from an older one. Amounts, quantities
    /// and lines are never carried over: they describe one moment.
    func inheriting(from older: Self) -> Self {
        var merged = self
        merged.referralCode = referralCode ?? older.referralCode
        merged.clickID = clickID ?? older.clickID
        merged.productID = productID ?? older.productID
        merged.customerID = customerID ?? older.customerID
        merged.isNewCustomer = isNewCustomer ?? older.isNewCustomer
        merged.sessionID = sessionID ?? older.sessionID
        merged.fingerprint = fingerprint ?? older.fingerprint
        return merged
    }
}

/// One line of an order.
package struct OrderLine: Hashable, Sendable {
    package var id: String
    package var productID: String?
    /// Units ordered; 1 when the system does not say.
    package var quantity: Int64
    /// After discounts, without tax.
    package var net: Int64

    package init(id: String, productID: String?, quantity: Int64 = 1, net: Int64) {
        self.id = id
        self.productID = productID
        self.quantity = quantity
        self.net = net
    }
}
