extension JSON {
    /// Reads a whole document: RFC 8259 without leniency, no byte order mark, no repeated key in an object,
    /// strings checked to be UTF-8 without half surrogate pairs.
    ///
    /// Throws ``JSONError`` for the first thing that is wrong. One pass over the bytes; a key is compared with those
    /// before it, in large objects through a hash set.
    package static func parse(_ bytes: [UInt8], limits: JSONLimits = .default) throws(JSONError) -> JSON {
        try bytes.withUnsafeBufferPointer { (buffer) throws(JSONError) in try parse(buffer, limits: limits) }
    }

    /// ``parse(_:limits:)`` of bytes that stand elsewhere; nothing of them is kept.
    package static func parse(_ bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits = .default) throws(JSONError)
        -> JSON
    {
        guard let base = bytes.baseAddress, !bytes.isEmpty else { throw JSONError(.unexpectedEnd, at: 0) }
        var parser = JSONParser(base: base, count: bytes.count, limits: limits)
        return try parser.document()
    }

    /// ``parse(_:limits:)`` for callers to whom every error means the same; `nil` when these bytes are no JSON.
    package init?(validating bytes: [UInt8]) {
        guard let json = try? JSON.parse(bytes) else { return nil }  // which error it is, is dropped for these callers
        self = json
    }
}

/// Recursive descent over raw bytes.
///
/// Every read of `base` is behind a comparison with `count`; ``current`` answers 0 at the end, which no rule of
/// the grammar accepts, so that the rules need no check of their own.
struct JSONParser {
    let base: UnsafePointer<UInt8>
    let count: Int
    let limits: JSONLimits
    var offset = 0

    /// Members up to which a repeated key is looked for by comparing with each.
    private static let comparedMembersMax = 16

    init(base: UnsafePointer<UInt8>, count: Int, limits: JSONLimits) {
        self.base = base
        self.count = count
        self.limits = limits
    }

    mutating func document() throws(JSONError) -> JSON {
        skipSpace()
        let document = try value(depth: 0)
        skipSpace()
        guard offset == count else { throw JSONError(.trailingBytes, at: offset) }
        return document
    }

    @inline(__always) var current: UInt8 { offset < count ? base[offset] : 0 }

    /// What went wrong at `offset`: the end, or a byte that must not stand there.
    func unexpected() -> JSONError { JSONError(offset < count ? .unexpectedByte : .unexpectedEnd, at: offset) }

    @inline(__always) private mutating func skipSpace() {
        while offset < count {
            switch base[offset] {
            case 0x20, 0x0A, 0x0D, 0x09: offset += 1
            default: return
            }
        }
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSON {
        switch current {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"): return .object(try object(depth: depth + 1))
        case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
        default: throw unexpected()
        }
    }

    private mutating func word(_ word: StaticString, _ meaning: JSON) throws(JSONError) -> JSON {
        for index in 0..<word.utf8CodeUnitCount {
            guard current == word.utf8Start[index] else { throw unexpected() }
            offset += 1
        }
        return meaning
    }

    private mutating func array(depth: Int) throws(JSONError) -> [JSON] {
        guard depth <= limits.depthMax else { throw JSONError(.tooDeep, at: offset) }
        offset += 1
        skipSpace()
        if current == UInt8(ascii: "]") {
            offset += 1
            return []
        }
        var elements: [JSON] = []
        while true {
            do {
                elements.append(try value(depth: depth))
            } catch {
                throw error.within(String(elements.count))
            }
            skipSpace()
            switch current {
            case UInt8(ascii: ","): offset += 1
            case UInt8(ascii: "]"):
                offset += 1
                return elements
            default: throw unexpected()
            }
            skipSpace()
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONObject {
        guard depth <= limits.depthMax else { throw JSONError(.tooDeep, at: offset) }
        offset += 1
        skipSpace()
        if current == UInt8(ascii: "}") {
            offset += 1
            return JSONObject()
        }
        var members: [JSONObject.Member] = []
        members.reserveCapacity(8)
        var keys: Set<String> = []
        while true {
            let keyOffset = offset
            guard current == UInt8(ascii: "\"") else { throw unexpected() }
            let key = try string()
            if Self.isRepeated(key, among: members, keys: &keys) { throw JSONError(.duplicateKey, at: keyOffset) }
            skipSpace()
            guard current == UInt8(ascii: ":") else { throw unexpected() }
            offset += 1
            skipSpace()
            do {
                members.append(JSONObject.Member(key: key, value: try value(depth: depth)))
            } catch {
                throw error.within(key)
            }
            skipSpace()
            switch current {
            case UInt8(ascii: ","): offset += 1
            case UInt8(ascii: "}"):
                offset += 1
                return JSONObject(unique: members)
            default: throw unexpected()
            }
            skipSpace()
        }
    }

    /// `keys` is filled once there are too many members to compare with each.
    private static func isRepeated(
        _ key: String, among members: [JSONObject.Member], keys: inout Set<String>
    ) -> Bool {
        if members.count < comparedMembersMax {
            for index in members.indices where members[index].key == key { return true }
            return false
        }
        if keys.isEmpty { keys = Set(members.map(\.key)) }
        return !keys.insert(key).inserted
    }

    private mutating func number() throws(JSONError) -> JSONNumber {
        let start = offset
        if current == UInt8(ascii: "-") { offset += 1 }
        if current == UInt8(ascii: "0") { offset += 1 } else { try digits(since: start) }
        if current == UInt8(ascii: ".") {
            offset += 1
            try digits(since: start)
        }
        if current | 0x20 == UInt8(ascii: "e") {
            offset += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { offset += 1 }
            try digits(since: start)
        }
        guard !current.isDigit else { throw JSONError(.invalidNumber, at: start) }
        guard offset - start <= limits.numberBytesMax else { throw JSONError(.numberTooLong, at: start) }
        return JSONNumber(token: text(start..<offset))
    }

    /// One digit or more.
    private mutating func digits(since start: Int) throws(JSONError) {
        guard current.isDigit else {
            throw offset < count ? JSONError(.invalidNumber, at: start) : JSONError(.unexpectedEnd, at: offset)
        }
        while current.isDigit { offset += 1 }
    }

    /// Bytes that are known to be UTF-8.
    @inline(__always) func text(_ range: Range<Int>) -> String {
        String(decoding: UnsafeBufferPointer(start: base + range.lowerBound, count: range.count), as: UTF8.self)
    }
}
