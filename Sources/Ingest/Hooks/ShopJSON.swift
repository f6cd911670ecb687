import Core

/// How shop platforms write ids, times and amounts. What is not there is nil; what is there and cannot be read is a problem
/// that names the field.
struct ShopJSON {
    let json: JSON

    init(_ json: JSON) { self.json = json }

    subscript(_ key: String) -> JSON? {
        guard let value = json[key], !value.isNull else { return nil }
        return value
    }

    /// An id: a number or a string.
    func id(_ key: String) throws(HookProblem) -> String? {
        guard let value = self[key], let text = value.integer.map({ String($0) }) ?? value.string, !text.isEmpty else {
            return nil
        }
        guard text.utf8.count <= Self.idBytesMax else { throw HookProblem("invalid_field", "\(key) is too long") }
        return text
    }

    func requiredID(_ key: String) throws(HookProblem) -> String {
        guard let id = try id(key) else { throw HookProblem("missing_field", key) }
        return id
    }

    func text(_ key: String) -> String? {
        guard let text = self[key]?.string, !text.isEmpty else { return nil }
        return text.cut(toBytes: IngestLimits.textBytesMax)
    }

    func currency() throws(HookProblem) -> Currency {
        guard let code = text("currency") else { throw HookProblem("missing_field", "currency") }
        guard let currency = Currency.named(code) else { throw HookProblem("unknown_currency", "currency") }
        return currency
    }

    /// RFC 3339 with an offset.
    func instant(_ key: String) throws(HookProblem) -> EpochMilliseconds? {
        guard let text = self[key]?.string, !text.isEmpty else { return nil }
        guard let instant = EpochMilliseconds(rfc3339: text) else { throw HookProblem("invalid_field", key) }
        return instant
    }

    /// A `*_gmt` field, which is UTC without saying so.
    func instantGMT(_ key: String) throws(HookProblem) -> EpochMilliseconds? {
        guard let text = self[key]?.string, !text.isEmpty else { return nil }
        guard let instant = EpochMilliseconds(rfc3339: text + "Z") ?? EpochMilliseconds(rfc3339: text) else {
            throw HookProblem("invalid_field", key)
        }
        return instant
    }

    /// Minor units; may be negative.
    func amount(_ key: String, in currency: Currency) throws(HookProblem) -> Int64? {
        guard let value = self[key] else { return nil }
        guard let token = value.number?.text ?? value.string else { throw HookProblem("invalid_field", key) }
        if token.isEmpty { return nil }
        do {
            let amount = try ExactDecimal(parsing: token).minorUnits(in: currency)
            guard amount.magnitude <= UInt64(IngestLimits.amountMax) else { throw AmountError.outOfRange }
            return amount
        } catch {
            throw HookProblem("invalid_amount", "\(key): \(error)")
        }
    }

    func requiredAmount(_ key: String, in currency: Currency) throws(HookProblem) -> Int64 {
        guard let amount = try amount(key, in: currency) else { throw HookProblem("missing_field", key) }
        return amount
    }

    func quantity(_ key: String) throws(HookProblem) -> Int64? {
        guard let value = self[key] else { return nil }
        guard let decimal = value.decimal,
            let quantity = try? decimal.integer(decimals: 0),  // any error means: not a whole number of units
            quantity.magnitude <= UInt64(IngestLimits.quantityMax)
        else { throw HookProblem("invalid_field", key) }
        return quantity
    }

    /// A sum of amounts. A body has room for more lines than 64 bits have for their sum.
    static func sum(_ left: Int64, _ right: Int64) throws(HookProblem) -> Int64 {
        let (sum, overflow) = left.addingReportingOverflow(right)
        guard !overflow, sum.magnitude <= UInt64(IngestLimits.amountMax) * 1000 else {
            throw HookProblem("invalid_amount", "a sum is too large")
        }
        return sum
    }

    func objects(_ key: String) -> [ShopJSON] { (self[key]?.array ?? []).map(ShopJSON.init) }

    private static let idBytesMax = 48
}
