import Glibc

/// Header fields in their order; names compare without regard to case.
///
/// Kept as one piece of memory (`name NUL value NUL`…), since most fields of a request are never looked at: reading it
/// costs one allocation, and a string is made only of the value that is asked for.
package struct HTTPHeaders: Sendable, ExpressibleByDictionaryLiteral {
    private(set) var storage: [UInt8] = []

    package init() {}

    package init(dictionaryLiteral fields: (String, String)...) {
        for (name, value) in fields { add(name, value) }
    }

    /// The first value of the field; `nil` when it is absent.
    package subscript(name: String) -> String? {
        var found: String?
        forEach(named: name) { value in
            found = String(decoding: value, as: UTF8.self)
            return false
        }
        return found
    }

    /// The values of all fields of that name.
    package func values(of name: String) -> [String] {
        var found: [String] = []
        forEach(named: name) { value in
            found.append(String(decoding: value, as: UTF8.self))
            return true
        }
        return found
    }

    package func contains(_ name: String) -> Bool {
        var found = false
        forEach(named: name) { _ in
            found = true
            return false
        }
        return found
    }

    /// All fields.
    package var fields: [(name: String, value: String)] {
        var found: [(name: String, value: String)] = []
        forEach { name, value in
            found.append(
                (String(decoding: name, as: UTF8.self), String(decoding: value.withoutLeadingSpace, as: UTF8.self)))
            return true
        }
        return found
    }

    /// Adds a field. The name is ours and must be a token; CR, LF and NUL in the value become spaces (RFC 9110, 5.5), so
    /// that no value from outside can end the header.
    package mutating func add(_ name: String, _ value: String) {
        precondition(!name.isEmpty && name.utf8.allSatisfy(\.isHTTPToken), "a header's name is a token")
        storage.reserveCapacity(storage.count + name.utf8.count + value.utf8.count + 2)
        storage.append(contentsOf: name.utf8)
        storage.append(0)
        for byte in value.utf8 { storage.append(byte == 0 || byte == 10 || byte == 13 ? 32 : byte) }
        storage.append(0)
    }

    /// Adds a field as it came from the wire.
    mutating func add(name: UnsafePointer<CChar>, value: UnsafePointer<CChar>) {
        append(name)
        append(value)
    }

    private mutating func append(_ text: UnsafePointer<CChar>) {
        let bytes = UnsafeRawBufferPointer(start: text, count: strlen(text) + 1)
        storage.append(contentsOf: bytes)
    }

    mutating func reserveCapacity(_ bytes: Int) { storage.reserveCapacity(bytes) }

    /// Calls `body` with each name and value, until it returns false. Both are followed by a NUL.
    func forEach(_ body: (UnsafeBufferPointer<UInt8>, UnsafeBufferPointer<UInt8>) -> Bool) {
        storage.withUnsafeBufferPointer { bytes in
            guard var next = bytes.baseAddress else { return }
            let end = next + bytes.count
            while next < end {
                let name = UnsafeBufferPointer(start: next, count: strlen(next))
                next += name.count + 1
                let value = UnsafeBufferPointer(start: next, count: strlen(next))
                next += value.count + 1
                if !body(name, value) { return }
            }
        }
    }

    private func forEach(named name: String, _ body: (UnsafeBufferPointer<UInt8>) -> Bool) {
        var name = name
        name.withUTF8 { wanted in
            forEach { name, value in name.isSameHTTPName(as: wanted) ? body(value.withoutLeadingSpace) : true }
        }
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// evhttp takes away all white space but tabs before the value.
    fileprivate var withoutLeadingSpace: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(rebasing: drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") })
    }

    /// Equal but for the case of ASCII letters.
    func isSameHTTPName(as other: UnsafeBufferPointer<UInt8>) -> Bool {
        guard count == other.count else { return false }
        return count == 0 || strncasecmp(baseAddress!, other.baseAddress!, count) == 0
    }

    func isSameHTTPName(as name: StaticString) -> Bool {
        isSameHTTPName(as: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }
}

/// `strlen` and `strncasecmp` of unsigned bytes.
private func strlen(_ text: UnsafePointer<UInt8>) -> Int {
    Glibc.strlen(UnsafeRawPointer(text).assumingMemoryBound(to: CChar.self))
}

private func strncasecmp(_ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
    Glibc.strncasecmp(
        UnsafeRawPointer(a).assumingMemoryBound(to: CChar.self),
        UnsafeRawPointer(b).assumingMemoryBound(to: CChar.self),
        count)
}

private func strlen(_ text: UnsafePointer<CChar>) -> Int { Glibc.strlen(text) }

extension UInt8 {
    /// One of the characters of a token (RFC 9110, 5.6.2).
    var isHTTPToken: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
            UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
