import Core

/// Reads the members of one JSON object as typed, limited values under any of their accepted names, and collects what is
/// wrong with them. `null` counts as absent; members nobody asks for are ignored.
struct FieldReader {
    let object: JSONObject
    /// Where the object stands: "" or "lines[2].".
    let path: String
    private(set) var problems: [FieldProblem] = []

    init(_ object: JSONObject, path: String = "") {
        self.object = object
        self.path = path
    }

    mutating func refuse(_ field: String, _ reason: String) {
        if problems.count < IngestLimits.fieldProblemsMax { problems.append(FieldProblem(path + field, reason)) }
    }

    mutating func take(_ others: [FieldProblem]) {
        problems.append(contentsOf: others.prefix(IngestLimits.fieldProblemsMax - problems.count))
    }

    /// The member under the first of these names that is there; two that differ are a problem.
    private mutating func member(_ name: String, _ otherName: String? = nil) -> (name: String, value: JSON)? {
        let value = present(name)
        guard let otherName, let other = present(otherName) else { return value.map { (name, $0) } }
        guard let value else { return (otherName, other) }
        if value != other { refuse(otherName, "contradicts \(name): they are two names of one field") }
        return (name, value)
    }

    private func present(_ name: String) -> JSON? {
        switch object[name] {
        case .some(.null), .none: nil
        case .some(let value): value
        }
    }

    /// `nil` when it is absent, empty, or a problem.
    mutating func text(_ name: String, _ otherName: String? = nil, bytesMax: Int = IngestLimits.textBytesMax) -> String?
    {
        guard let (name, value) = member(name, otherName) else { return nil }
        guard let text = value.string else {
            refuse(name, "must be a string")
            return nil
        }
        guard text.utf8.count <= bytesMax else {
            refuse(name, "must have at most \(bytesMax) bytes")
            return nil
        }
        return text.isEmpty ? nil : text
    }

    mutating func requiredText(_ name: String, bytesMax: Int) -> String? {
        let before = problems.count
        let value = text(name, bytesMax: bytesMax)
        if value == nil, problems.count == before { refuse(name, "is required: a string of 1 to \(bytesMax) bytes") }
        return value
    }

    mutating func integer(_ name: String, _ otherName: String? = nil, in range: ClosedRange<Int64>) -> Int64? {
        guard let (name, value) = member(name, otherName) else { return nil }
        guard let integer = value.integer else {
            refuse(name, "must be a whole number")
            return nil
        }
        guard range.contains(integer) else {
            refuse(name, "must be from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return integer
    }

    mutating func bool(_ name: String) -> Bool? {
        guard let (name, value) = member(name) else { return nil }
        if value.bool == nil { refuse(name, "must be true or false") }
        return value.bool
    }

    /// An amount in major units, a number or a string, as minor units; read exactly.
    mutating func amount(_ name: String, _ otherName: String? = nil, in currency: Currency) -> Int64? {
        guard let (name, value) = member(name, otherName) else { return nil }
        guard let token = value.number?.text ?? value.string else {
            refuse(name, "must be an amount in major units: a number or a string")
            return nil
        }
        do {
            let amount = try ExactDecimal(parsing: token).minorUnits(in: currency)
            if (0...IngestLimits.amountMax).contains(amount) { return amount }
            refuse(name, amount < 0 ? "must not be negative" : "the amount is too large")
        } catch AmountError.tooManyDecimals {
            refuse(name, "has more decimals than \(currency.code) has (\(currency.exponent))")
        } catch {
            refuse(name, "\(error)")
        }
        return nil
    }

    /// An amount in major units of a currency that is not known here: it is kept as it was written, and has to be one that
    /// some currency can have.
    mutating func decimal(_ name: String, _ otherName: String? = nil) -> ExactDecimal? {
        guard let (name, value) = member(name, otherName) else { return nil }
        guard let token = value.number?.text ?? value.string else {
            refuse(name, "must be an amount in major units: a number or a string")
            return nil
        }
        do {
            let decimal = try ExactDecimal(parsing: token)
            let amount = try decimal.integer(decimals: Currency.exponentMax)
            if amount >= 0 { return decimal }
            refuse(name, "must not be negative")
        } catch AmountError.tooManyDecimals {
            refuse(name, "has more decimals than any currency has (\(Currency.exponentMax))")
        } catch {
            refuse(name, "\(error)")
        }
        return nil
    }

    mutating func currency(default: Currency) -> Currency { currency() ?? `default` }

    /// `nil` when it is absent or a problem.
    mutating func currency() -> Currency? {
        guard let code = text("currency") else { return nil }
        if let currency = Currency.named(code) { return currency }
        refuse("currency", "is no currency of ISO 4217 (three capital letters)")
        return nil
    }

    /// RFC 3339 with an offset.
    mutating func instant(_ name: String, _ otherName: String? = nil) -> EpochMilliseconds? {
        guard let (name, value) = member(name, otherName) else { return nil }
        guard let text = value.string else {
            refuse(name, "must be a string: RFC 3339 with an offset")
            return nil
        }
        if let instant = EpochMilliseconds(rfc3339: text) { return instant }
        refuse(name, "must be RFC 3339 with an offset, such as 2025-11-03T10:30:00.000Z")
        return nil
    }

    /// The objects of an array; what `read` finds wrong in them is taken over.
    mutating func objects<Element>(_ name: String, _ read: (inout FieldReader) -> Element?) -> [Element] {
        guard let (_, value) = member(name) else { return [] }
        guard let elements = value.array else {
            refuse(name, "must be an array")
            return []
        }
        guard elements.count <= IngestLimits.linesMax else {
            refuse(name, "has more than \(IngestLimits.linesMax) elements")
            return []
        }
        var objects: [Element] = []
        objects.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            guard let object = element.object else {
                refuse("\(name)[\(index)]", "must be an object")
                continue
            }
            var reader = FieldReader(object, path: "\(path)\(name)[\(index)].")
            let read = read(&reader)
            take(reader.problems)
            if let read { objects.append(read) }
        }
        return objects
    }
}
