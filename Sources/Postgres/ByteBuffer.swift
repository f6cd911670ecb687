/// Bytes that grow at the end and are reused from call to call; numbers are written in network order.
struct ByteBuffer: ~Copyable {
    private var base: UnsafeMutableRawPointer
    private var capacity: Int
    private(set) var count = 0

    private static let initialCapacity = 1024
    /// Larger memory is given back after use, so that one huge batch does not stay for ever.
    private static let keptCapacityMax = 1 << 20

    init() {
        capacity = Self.initialCapacity
        base = .allocate(byteCount: Self.initialCapacity, alignment: 8)
    }

    deinit { base.deallocate() }

    /// The first byte; valid until the next append.
    var start: UnsafeRawPointer { UnsafeRawPointer(base) }

    mutating func removeAll() {
        count = 0
        if capacity > Self.keptCapacityMax { resize(to: Self.initialCapacity) }
    }

    mutating func reserve(_ more: Int) {
        if count + more > capacity { resize(to: max(capacity * 2, count + more)) }
    }

    mutating func append<Number: FixedWidthInteger & BitwiseCopyable>(_ value: Number) {
        reserve(MemoryLayout<Number>.size)
        base.storeBytes(of: value.bigEndian, toByteOffset: count, as: Number.self)
        count += MemoryLayout<Number>.size
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        reserve(bytes.count)
        if let source = bytes.baseAddress, !bytes.isEmpty {
            (base + count).copyMemory(from: source, byteCount: bytes.count)
        }
        count += bytes.count
    }

    mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

    mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    /// Overwrites four bytes that were appended before.
    mutating func replace(at offset: Int, with value: Int32) {
        base.storeBytes(of: value.bigEndian, toByteOffset: offset, as: Int32.self)
    }

    private mutating func resize(to newCapacity: Int) {
        let moved = UnsafeMutableRawPointer.allocate(byteCount: newCapacity, alignment: 8)
        moved.copyMemory(from: base, byteCount: count)
        base.deallocate()
        base = moved
        capacity = newCapacity
    }
}
