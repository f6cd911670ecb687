import Core

/// Reads the members of a JSON object as typed, limited values. `null` counts as absent.
struct Fields {
    private let json: JSON
    /// Where the object stands, for error texts: "" or `lines[2].`.
    private let path: String

    init(_ json: JSON, path: String = "") throws(FactError) {
        guard json.object != nil else { throw .malformed(field: path.isEmpty ? "data" : String(path.dropLast())) }
        self.json = json
        self.path = path
    }

    func value(_ key: String) -> JSON? {
        guard let value = json[key], !value.isNull else { return nil }
        return value
    }

    func required<Value>(_ key: String, _ value: Value?) throws(FactError) -> Value {
        guard let value else { throw .missing(field: path + key) }
        return value
    }

    func optionalText(_ key: String) throws(FactError) -> String? {
        guard let value = value(key) else { return nil }
        guard let text = value.string, text.utf8.count <= FactLimits.textBytesMax else {
            throw .malformed(field: path + key)
        }
        return text.isEmpty ? nil : text
    }

    func text(_ key: String) throws(FactError) -> String { try required(key, try optionalText(key)) }

    func optionalInteger(_ key: String, in range: ClosedRange<Int64>) throws(FactError) -> Int64? {
        guard let value = value(key) else { return nil }
        guard let integer = value.integer else { throw .malformed(field: path + key) }
        guard range.contains(integer) else { throw .outOfRange(field: path + key) }
        return integer
    }

    func integer(_ key: String, in range: ClosedRange<Int64>) throws(FactError) -> Int64 {
        try required(key, try optionalInteger(key, in: range))
    }

    func optionalAmount(_ key: String) throws(FactError) -> Int64? {
        try optionalInteger(key, in: 0...FactLimits.amountMax)
    }

    func amount(_ key: String) throws(FactError) -> Int64 { try required(key, try optionalAmount(key)) }

    /// A string that is a decimal number of 0 or more.
    ///
    /// - Parameter isExpected: whether a string may stand there at all.
    func decimal(_ key: String, isExpected: Bool) throws(FactError) -> ExactDecimal {
        guard isExpected, let decimal = ExactDecimal(try text(key)) else { throw .malformed(field: path + key) }
        guard decimal.description.utf8.first != UInt8(ascii: "-") else { throw .outOfRange(field: path + key) }
        return decimal
    }

    func optionalQuantity(_ key: String) throws(FactError) -> Int64? {
        try optionalInteger(key, in: 0...FactLimits.quantityMax)
    }

    func instant(_ key: String) throws(FactError) -> EpochMilliseconds {
        EpochMilliseconds(rawValue: try integer(key, in: .min ... .max))
    }

    func milliseconds(_ key: String) throws(FactError) -> Duration {
        .milliseconds(try integer(key, in: 0...9_000_000_000_000_000))
    }

    func optionalBool(_ key: String) throws(FactError) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let bool = value.bool else { throw .malformed(field: path + key) }
        return bool
    }

    func optionalUUID(_ key: String) throws(FactError) -> UUID? {
        guard let text = try optionalText(key) else { return nil }
        guard let uuid = UUID(text) else { throw .malformed(field: path + key) }
        return uuid
    }

    func uuid(_ key: String) throws(FactError) -> UUID { try required(key, try optionalUUID(key)) }

    func optionalCurrency(_ key: String) throws(FactError) -> Currency? {
        guard let code = try optionalText(key) else { return nil }
        guard let currency = Currency.named(code) else { throw .unknownCurrency(field: path + key) }
        return currency
    }

    func currency(_ key: String) throws(FactError) -> Currency { try required(key, try optionalCurrency(key)) }

    /// A word of a closed list.
    func word<Word: RawRepresentable<String>>(_ key: String, as type: Word.Type) throws(FactError) -> Word {
        let text = try text(key)
        guard let word = Word(rawValue: text) else { throw .malformed(field: path + key) }
        return word
    }

    /// The objects of an array, at most ``FactLimits/linesMax``; none when it is absent.
    func objects(_ key: String) throws(FactError) -> [Fields] {
        guard let value = value(key) else { return [] }
        guard let elements = value.array else { throw .malformed(field: path + key) }
        guard elements.count <= FactLimits.linesMax else { throw .tooManyLines }
        var objects: [Fields] = []
        objects.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            objects.append(try Fields(element, path: "\(path)\(key)[\(index)]."))
        }
        return objects
    }

    func object(_ key: String) throws(FactError) -> Fields {
        try Fields(try required(key, value(key)), path: "\(path)\(key).")
    }

    /// A key of a map that has to be a UUID.
    func uuid(key: String, in map: String) throws(FactError) -> UUID {
        guard let uuid = UUID(key) else { throw .malformed(field: path + map) }
        return uuid
    }

    /// The members of an object, for maps whose keys are data.
    func members(_ key: String) throws(FactError) -> [JSONObject.Member] {
        guard let value = value(key) else { return [] }
        guard let object = value.object else { throw .malformed(field: path + key) }
        return object.members
    }
}

/// Builds a JSON object and leaves out what is not known.
struct FieldsWriter {
    private var members: [(String, JSON)] = []

    mutating func set(_ key: String, _ value: JSON?) {
        if let value { members.append((key, value)) }
    }

    mutating func set(_ key: String, _ value: String?) { set(key, value.map { JSON.string($0) }) }
    mutating func set(_ key: String, _ value: Int64?) { set(key, value.map { JSON(integer: $0) }) }
    mutating func set(_ key: String, _ value: Bool?) { set(key, value.map { JSON.bool($0) }) }
    mutating func set(_ key: String, _ value: UUID?) { set(key, value?.description) }
    mutating func set(_ key: String, _ value: EpochMilliseconds) { set(key, value.rawValue) }
    mutating func set(_ key: String, _ value: Duration) { set(key, value.milliseconds) }

    var json: JSON { .object(JSONObject(members)) }
}
