import Glibc

/// Writes commands as RESP into one buffer that is used again and again.
///
/// hiredis would format from an array of pointers into a fresh allocation; this is the one copy we need ourselves, and
/// hiredis then copies it into its output buffer.
final class CommandEncoder {
    private var buffer: UnsafeMutableRawPointer
    private var capacity: Int
    private(set) var count = 0
    /// What ``RedisArgument/runID`` stands for.
    var runID = ""

    init() {
        capacity = 4096
        buffer = .allocate(byteCount: capacity, alignment: 1)
    }

    deinit { buffer.deallocate() }

    func encode(_ arguments: [RedisArgument]) {
        begin(argumentCount: arguments.count)
        for argument in arguments { append(argument) }
    }

    /// `EVALSHA digest` or `EVAL source`, with the keys and arguments.
    func encode(script: RedisScript, bySource: Bool, keys: [String], arguments: [RedisArgument]) {
        begin(argumentCount: 3 + keys.count + arguments.count)
        append(bySource ? "EVAL" : "EVALSHA")
        append(bySource ? script.source : script.sha1)
        append(Int64(keys.count))
        for key in keys { append(key) }
        for argument in arguments { append(argument) }
    }

    /// The command; followed by a NUL, since hiredis looks one byte further.
    func withBytes<Result>(_ body: (UnsafePointer<CChar>, Int) -> Result) -> Result {
        reserve(1)
        buffer.storeBytes(of: 0, toByteOffset: count, as: UInt8.self)
        let result = body(UnsafePointer(buffer.assumingMemoryBound(to: CChar.self)), count)
        if capacity > RedisLimits.keptBufferBytesMax { shrink() }
        return result
    }

    private func begin(argumentCount: Int) {
        count = 0
        header(UInt8(ascii: "*"), argumentCount)
    }

    private func append(_ argument: RedisArgument) {
        switch argument {
        case .string(let text): append(text)
        case .bytes(let bytes): bytes.withUnsafeBytes { append($0) }
        case .integer(let number): append(number)
        case .runID: append(runID)
        }
    }

    private func append(_ text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    private func append(_ bytes: UnsafeRawBufferPointer) {
        header(UInt8(ascii: "$"), bytes.count)
        reserve(bytes.count + 2)
        if let start = bytes.baseAddress, !bytes.isEmpty {
            memcpy(buffer + count, start, bytes.count)
            count += bytes.count
        }
        endLine()
    }

    private func append(_ number: Int64) {
        let digitCount = Self.digitCount(number.magnitude) + (number < 0 ? 1 : 0)
        header(UInt8(ascii: "$"), digitCount)
        reserve(24)
        if number < 0 { put(UInt8(ascii: "-")) }
        decimal(number.magnitude)
        endLine()
    }

    private func header(_ mark: UInt8, _ number: Int) {
        reserve(24)
        put(mark)
        decimal(UInt64(number))
        endLine()
    }

    private func endLine() {
        put(UInt8(ascii: "\r"))
        put(UInt8(ascii: "\n"))
    }

    /// Room must be there.
    private func put(_ byte: UInt8) {
        buffer.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    private func decimal(_ number: UInt64) {
        let digitCount = Self.digitCount(number)
        var rest = number
        for offset in stride(from: count + digitCount - 1, through: count, by: -1) {
            buffer.storeBytes(of: UInt8(ascii: "0") + UInt8(rest % 10), toByteOffset: offset, as: UInt8.self)
            rest /= 10
        }
        count += digitCount
    }

    private static func digitCount(_ number: UInt64) -> Int {
        var digits = 1
        var rest = number / 10
        while rest > 0 {
            digits += 1
            rest /= 10
        }
        return digits
    }

    private func reserve(_ more: Int) {
        guard count + more > capacity else { return }
        capacity = max(capacity * 2, count + more)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 1)
        memcpy(larger, buffer, count)
        buffer.deallocate()
        buffer = larger
    }

    private func shrink() {
        buffer.deallocate()
        capacity = 4096
        count = 0
        buffer = .allocate(byteCount: capacity, alignment: 1)
    }
}
