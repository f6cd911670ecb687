extension JSONParser {
    /// Reads a string whose opening quote is the current byte.
    mutating func string() throws(JSONError) -> String {
        offset += 1
        let start = offset
        try skipPlain()
        guard current == UInt8(ascii: "\"") else { return try escapedString(from: start) }
        let string = text(start..<offset)
        offset += 1
        return string
    }

    /// Goes on to the next quote or backslash; everything before it is plain, valid UTF-8.
    private mutating func skipPlain() throws(JSONError) {
        while true {
            offset += JSONText.plainPrefix(base + offset, count - offset)
            let byte = current
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): return
            case 0x80...0xFF:
                let length = JSONText.sequenceLength(base + offset, count - offset)
                guard length > 0 else { throw JSONError(.invalidUTF8, at: offset) }
                offset += length
            default: throw JSONError(offset < count ? .controlCharacter : .unexpectedEnd, at: offset)
            }
        }
    }

    /// The rare way: a string with escapes is put together in a buffer of its own.
    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var bytes = Array(UnsafeBufferPointer(start: base + start, count: offset - start))
        while current == UInt8(ascii: "\\") {
            try appendEscape(to: &bytes)
            let run = offset
            try skipPlain()
            bytes.append(contentsOf: UnsafeBufferPointer(start: base + run, count: offset - run))
        }
        offset += 1
        return String(decoding: bytes, as: UTF8.self)
    }

    private mutating func appendEscape(to bytes: inout [UInt8]) throws(JSONError) {
        let start = offset
        offset += 1
        let letter = current
        guard offset < count else { throw JSONError(.unexpectedEnd, at: offset) }
        offset += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(letter)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"): bytes.append(contentsOf: String(try escapedScalar(from: start)).utf8)
        default: throw JSONError(.invalidEscape, at: start)
        }
    }

    /// The scalar of `\u` and four hexadecimal digits, or of two such units that form a surrogate pair.
    private mutating func escapedScalar(from start: Int) throws(JSONError) -> Unicode.Scalar {
        let first = try hexadecimalUnit(from: start)
        if first == 0, !limits.allowsNul { throw JSONError(.nulCharacter, at: start) }
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, current == UInt8(ascii: "\\") else { throw JSONError(.loneSurrogate, at: start) }
        offset += 1
        guard current == UInt8(ascii: "u") else { throw JSONError(.loneSurrogate, at: start) }
        offset += 1
        let second = try hexadecimalUnit(from: start)
        guard 0xDC00...0xDFFF ~= second,
            let scalar = Unicode.Scalar(0x1_0000 + UInt32(first - 0xD800) << 10 + UInt32(second - 0xDC00))
        else { throw JSONError(.loneSurrogate, at: start) }
        return scalar
    }

    private mutating func hexadecimalUnit(from start: Int) throws(JSONError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard offset < count else { throw JSONError(.unexpectedEnd, at: offset) }
            guard let value = base[offset].hexadecimalValue else { throw JSONError(.invalidEscape, at: start) }
            unit = unit << 4 | UInt16(value)
            offset += 1
        }
        return unit
    }
}
