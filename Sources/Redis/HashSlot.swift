/// The slot of a key in Redis Cluster: CRC-16/XMODEM of its hash tag, modulo 16,384 (Redis Cluster specification).
enum HashSlot {
    static let count = 16_384
    static let range = 0..<count

    /// O(bytes of the tag)
    static func of(_ key: String) -> Int {
        var key = key
        return key.withUTF8 { of(UnsafeRawBufferPointer($0)) }
    }

    /// Only what stands between the first `{` and the next `}` counts, unless that is nothing.
    static func of(_ key: UnsafeRawBufferPointer) -> Int {
        var part = key[...]
        if let open = key.firstIndex(of: UInt8(ascii: "{")) {
            let rest = key[(open + 1)...]
            if let close = rest.firstIndex(of: UInt8(ascii: "}")), close > rest.startIndex { part = rest[..<close] }
        }
        var crc: UInt16 = 0
        for byte in part { crc = crc << 8 ^ table[Int(UInt8(truncatingIfNeeded: crc >> 8) ^ byte)] }
        return Int(crc) % count
    }

    private static let table: [UInt16] = (0..<256).map { index in
        var crc = UInt16(index) << 8
        for _ in 0..<8 { crc = crc & 0x8000 == 0 ? crc << 1 : crc << 1 ^ 0x1021 }
        return crc
    }
}
