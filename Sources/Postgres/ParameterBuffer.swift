import Core

/// The parameters of one call in the shape libpq wants them: all values in one buffer, and arrays that point into it.
///
/// One for each connection, reused from call to call, so that a call allocates nothing once it has grown.
struct ParameterBuffer: ~Copyable {
    private var bytes = ByteBuffer()
    /// Where each value begins; negative for NULL.
    private var offsets: [Int] = []
    private(set) var pointers: [UnsafePointer<CChar>?] = []
    private(set) var lengths: [Int32] = []
    private(set) var types: [UInt32] = []
    /// 1 for each value: binary.
    private(set) var formats: [Int32] = []

    /// The wire counts parameters in 16 bits.
    static let countMax = 65535

    var count: Int32 { Int32(lengths.count) }

    /// Replaces what is there. ``pointers`` are valid until the next call.
    mutating func encode(_ values: [PostgresValue]) throws(PostgresError) {
        bytes.removeAll()
        offsets.removeAll(keepingCapacity: true)
        pointers.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
        types.removeAll(keepingCapacity: true)
        guard values.count <= Self.countMax else {
            throw .refusedParameters("54023", "more than \(Self.countMax) parameters")
        }
        while formats.count < values.count { formats.append(1) }
        for value in values {
            let start = bytes.count
            types.append(value.type.rawValue)
            if case .null = value {
                offsets.append(-1)
                lengths.append(0)
                continue
            }
            try bytes.append(value)
            guard let length = Int32(exactly: bytes.count - start) else {
                throw .refusedParameters("54000", "a parameter is larger than 2 GiB")
            }
            offsets.append(start)
            lengths.append(length)
        }
        let start = bytes.start.assumingMemoryBound(to: CChar.self)
        for offset in offsets { pointers.append(offset < 0 ? nil : start + offset) }
    }
}

extension ByteBuffer {
    /// Appends one value as the server's `…recv` function of its type reads it.
    fileprivate mutating func append(_ value: PostgresValue) throws(PostgresError) {
        switch value {
        case .null: break
        case .int8(let number): append(number)
        case .int4(let number): append(number)
        case .bool(let flag): append(UInt8(flag ? 1 : 0))
        case .text(let text): append(text)
        case .bytes(let bytes): append(bytes)
        case .uuid(let uuid): append(uuid)
        case .timestamp(let instant): try append(instant)
        case .date(let date): try append(date)
        case .json(let json): append(jsonText: json.serialized())
        case .jsonBytes(let text): append(jsonText: text)
        case .int8s(let numbers): appendNumbers(numbers, .int8)
        case .int4s(let numbers): appendNumbers(numbers, .int4)
        case .bools(let flags):
            try appendArray(flags, .bool) { (buffer, flag) in buffer.append(UInt8(flag ? 1 : 0)) }
        case .texts(let texts): try appendArray(texts, .text) { (buffer, text) in buffer.append(text) }
        case .bytesArray(let values): try appendArray(values, .bytea) { (buffer, bytes) in buffer.append(bytes) }
        case .uuids(let uuids): try appendArray(uuids, .uuid) { (buffer, uuid) in buffer.append(uuid) }
        case .timestamps(let instants):
            try appendArray(instants, .timestamptz) { (buffer, instant) throws(PostgresError) in
                try buffer.append(instant)
            }
        case .dates(let dates):
            try appendArray(dates, .date) { (buffer, date) throws(PostgresError) in try buffer.append(date) }
        case .jsons(let documents):
            try appendArray(documents, .jsonb) { (buffer, json) in buffer.append(jsonText: json.serialized()) }
        case .jsonBytesArray(let texts):
            try appendArray(texts, .jsonb) { (buffer, text) in buffer.append(jsonText: text) }
        }
    }

    private mutating func append(_ uuid: UUID) {
        append(uuid.high)
        append(uuid.low)
    }

    /// Microseconds since 2000. The largest numbers mean "infinity" to the server, so an overflow must not saturate.
    private mutating func append(_ instant: EpochMilliseconds) throws(PostgresError) {
        let (since2000, overflow) = instant.rawValue.subtractingReportingOverflow(PostgresEpoch.millisecondsAfter1970)
        let (microseconds, overflowToo) = since2000.multipliedReportingOverflow(by: 1000)
        guard !overflow, !overflowToo else { throw .refusedParameters("22008", "timestamp out of range") }
        append(microseconds)
    }

    private mutating func append(_ date: CivilDate) throws(PostgresError) {
        guard let days = Int32(exactly: date.daysSinceEpoch - PostgresEpoch.daysAfter1970), days != .max, days != .min
        else { throw .refusedParameters("22008", "date out of range") }
        append(days)
    }

    /// `jsonb_recv`: a version byte, then the document's text.
    private mutating func append(jsonText text: [UInt8]) {
        append(UInt8(1))
        append(text)
    }

    /// `array_recv`: dimensions, whether there are NULLs, element type, then each dimension's length and lower bound.
    private mutating func appendArrayHeader(count: Int, hasNull: Bool, _ element: PostgresType) {
        append(Int32(count == 0 ? 0 : 1))
        append(Int32(hasNull ? 1 : 0))
        append(element.rawValue)
        guard count > 0 else { return }
        append(Int32(truncatingIfNeeded: count))
        append(Int32(1))
    }

    private mutating func appendNumbers<Number: FixedWidthInteger & BitwiseCopyable>(
        _ numbers: [Number?], _ element: PostgresType
    ) {
        appendArrayHeader(count: numbers.count, hasNull: numbers.contains { $0 == nil }, element)
        reserve(numbers.count * (4 + MemoryLayout<Number>.size))
        for number in numbers {
            guard let number else {
                append(Int32(-1))
                continue
            }
            append(Int32(MemoryLayout<Number>.size))
            append(number)
        }
    }

    private mutating func appendArray<Element>(
        _ elements: [Element?], _ type: PostgresType,
        _ write: (inout ByteBuffer, Element) throws(PostgresError) -> Void
    ) throws(PostgresError) {
        var hasNull = false
        let flagOffset = count + 4
        appendArrayHeader(count: elements.count, hasNull: false, type)
        for element in elements {
            guard let element else {
                hasNull = true
                append(Int32(-1))
                continue
            }
            let lengthOffset = count
            append(Int32(0))
            try write(&self, element)
            replace(at: lengthOffset, with: Int32(truncatingIfNeeded: count - lengthOffset - 4))
        }
        if hasNull { replace(at: flagOffset, with: 1) }
    }
}
