/// A 64-bit hash of bytes that is the same in every process and release: it stands in Redis, in records and as shards.
///
/// Each 8 bytes are folded by a 64 x 64 -> 128 bit multiplication whose halves are combined (the step of wyhash and of
/// other "mum" hashes). It guards against mistakes, an id used for two payloads, not against someone who seeks a
/// collision: such a person could only ever harm their own events. A cryptographic digest would cost the ingest ten
/// times as much.
enum JobDigest {
    private static let first: UInt64 = 0xA076_1D64_78BD_642F
    private static let second: UInt64 = 0xE703_7ED1_A0B4_28DB

    /// What tells a job's content from another's: its kind and its payload.
    static func of(kind: String, payload: [UInt8]) -> UInt64 {
        fold(payload.withUnsafeBytes { hash($0, seed: hash(kind)) }, second)
    }

    static func hash(_ text: String) -> UInt64 {
        var text = text
        return text.withUTF8 { hash(UnsafeRawBufferPointer($0), seed: 0) }
    }

    private static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
        var state = fold(seed ^ first, UInt64(bytes.count) ^ second)
        var position = 0
        while position + 8 <= bytes.count {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            state = fold(state ^ word ^ first, second &+ state)
            position += 8
        }
        var rest: UInt64 = 0
        for index in position..<bytes.count { rest = rest << 8 | UInt64(bytes[index]) }
        return fold(state ^ rest ^ second, first &+ state)
    }

    private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}
