import Core

/// Writes the members of one JSON object straight into bytes, in the order of the calls, leaving out what is not known.
///
/// The order is fixed by the code that writes, so the same fields always give the same bytes: digests rest on that.
struct DataWriter {
    private(set) var bytes: [UInt8]

    init(capacity: Int = 256) {
        bytes = []
        bytes.reserveCapacity(capacity)
        bytes.append(UInt8(ascii: "{"))
    }

    mutating func set(_ key: StaticString, _ value: String?) {
        guard let value else { return }
        name(key)
        JSON.write(string: value, to: &bytes)
    }

    mutating func set(_ key: StaticString, _ value: Int64?) {
        guard let value else { return }
        name(key)
        append(value)
    }

    mutating func set(_ key: StaticString, _ value: Bool?) {
        guard let value else { return }
        name(key)
        bytes.append(contentsOf: (value ? "true" : "false").utf8)
    }

    mutating func set(_ key: StaticString, raw value: [UInt8]) {
        name(key)
        bytes.append(contentsOf: value)
    }

    /// An array of objects; nothing for an empty one.
    mutating func set<Element>(
        _ key: StaticString, _ elements: [Element], _ write: (Element, inout DataWriter) -> Void
    ) {
        guard !elements.isEmpty else { return }
        name(key)
        bytes.append(UInt8(ascii: "["))
        for (index, element) in elements.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            // The same buffer, so that nothing is copied: an object begins where this one stands.
            bytes.append(UInt8(ascii: "{"))
            write(element, &self)
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(UInt8(ascii: "]"))
    }

    /// One object.
    mutating func set<Element>(
        _ key: StaticString, object element: Element, _ write: (Element, inout DataWriter) -> Void
    ) {
        name(key)
        bytes.append(UInt8(ascii: "{"))
        write(element, &self)
        bytes.append(UInt8(ascii: "}"))
    }

    /// The object; the writer is done.
    mutating func end() -> [UInt8] {
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    private mutating func name(_ key: StaticString) {
        if bytes.last != UInt8(ascii: "{") { bytes.append(UInt8(ascii: ",")) }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: UnsafeBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount))
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }

    private mutating func append(_ value: Int64) {
        if value == 0 { return bytes.append(UInt8(ascii: "0")) }
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var rest = value.magnitude
            var count = 0
            while rest > 0 {
                digits[count] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
                count += 1
            }
            for index in (0..<count).reversed() { bytes.append(digits[index]) }
        }
    }
}
