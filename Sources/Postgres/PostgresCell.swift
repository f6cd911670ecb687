import Core

/// One value of an answer in PostgreSQL's binary format, before it is decoded.
struct PostgresCell {
    let type: PostgresType
    let bytes: UnsafeRawBufferPointer

    func int(_ column: some PostgresColumn) throws(PostgresError) -> Int64 {
        switch type {
        case .int8: return try number(column, as: Int64.self)
        case .int4: return Int64(try number(column, as: Int32.self))
        case .int2: return Int64(try number(column, as: Int16.self))
        case .oid: return Int64(try number(column, as: UInt32.self))
        case .numeric: return try wholeNumeric(column)
        default: throw mismatch(column, "an integer")
        }
    }

    func double(_ column: some PostgresColumn) throws(PostgresError) -> Double {
        switch type {
        case .float8: return Double(bitPattern: try number(column, as: UInt64.self))
        case .float4: return Double(Float(bitPattern: try number(column, as: UInt32.self)))
        default: throw mismatch(column, "a floating-point number")
        }
    }

    func text(_ column: some PostgresColumn) throws(PostgresError) -> String {
        guard type.isText else { throw mismatch(column, "text") }
        return String(decoding: bytes, as: UTF8.self)
    }

    func bool(_ column: some PostgresColumn) throws(PostgresError) -> Bool {
        guard type == .bool else { throw mismatch(column, "a boolean") }
        return try number(column, as: UInt8.self) != 0
    }

    func bytes(_ column: some PostgresColumn) throws(PostgresError) -> [UInt8] {
        guard type == .bytea else { throw mismatch(column, "bytea") }
        return [UInt8](bytes)
    }

    func uuid(_ column: some PostgresColumn) throws(PostgresError) -> UUID {
        guard type == .uuid, bytes.count == 16 else { throw mismatch(column, "a uuid") }
        return UUID(
            high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }

    func timestamp(_ column: some PostgresColumn) throws(PostgresError) -> EpochMilliseconds {
        guard type == .timestamptz else { throw mismatch(column, "timestamptz") }
        let microseconds = try number(column, as: Int64.self)
        guard microseconds != .max, microseconds != .min else { throw mismatch(column, "a finite timestamp") }
        let (quotient, remainder) = microseconds.quotientAndRemainder(dividingBy: 1000)
        let milliseconds = remainder < 0 ? quotient - 1 : quotient
        return EpochMilliseconds(rawValue: milliseconds + PostgresEpoch.millisecondsAfter1970)
    }

    func date(_ column: some PostgresColumn) throws(PostgresError) -> CivilDate {
        guard type == .date else { throw mismatch(column, "a date") }
        let days = try number(column, as: Int32.self)
        guard days != .max, days != .min else { throw mismatch(column, "a finite date") }
        return CivilDate(daysSinceEpoch: Int(days) + PostgresEpoch.daysAfter1970)
    }

    func json(_ column: some PostgresColumn) throws(PostgresError) -> JSON {
        let text = try jsonText(column)
        do {
            return try JSON.parse(text.bindMemory(to: UInt8.self))
        } catch {
            throw PostgresError(.decoding, "column \(column.label): \(error)")
        }
    }

    /// `jsonb_send`: a version byte, then the text.
    func jsonText(_ column: some PostgresColumn) throws(PostgresError) -> UnsafeRawBufferPointer {
        guard type == .jsonb, bytes.first == 1 else { throw mismatch(column, "jsonb") }
        return UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
    }

    func number<Number: FixedWidthInteger & BitwiseCopyable>(
        _ column: some PostgresColumn, as: Number.Type
    ) throws(PostgresError) -> Number {
        guard bytes.count == MemoryLayout<Number>.size else { throw mismatch(column, "of the right length") }
        return Number(bigEndian: bytes.loadUnaligned(as: Number.self))
    }

    func mismatch(_ column: some PostgresColumn, _ wanted: String) -> PostgresError {
        PostgresError(.decoding, "column \(column.label) is not \(wanted); its type is \(type.rawValue)")
    }

    /// `numeric_send`: digit count, weight of the first digit, sign, scale, then digits of base 10,000.
    private func wholeNumeric(_ column: some PostgresColumn) throws(PostgresError) -> Int64 {
        func field(_ index: Int) -> Int16 {
            Int16(bigEndian: bytes.loadUnaligned(fromByteOffset: index * 2, as: Int16.self))
        }
        guard bytes.count >= 8, bytes.count == 8 + 2 * Int(field(0)) else { throw mismatch(column, "a number") }
        let isNegative = field(2) == 0x4000
        guard isNegative || field(2) == 0 else { throw mismatch(column, "a finite number") }
        let digitCount = Int(field(0))
        let weight = Int(field(1))
        // Trailing zero digits are not sent: a whole number has at most weight + 1 digits.
        guard digitCount == 0 || (digitCount <= weight + 1 && weight < 5) else {
            throw mismatch(column, "a whole number of 64 bits")
        }
        var value: Int64 = 0
        for index in 0..<(digitCount == 0 ? 0 : weight + 1) {
            let digit = index < digitCount ? Int64(field(4 + index)) : 0
            let (shifted, overflow) = value.multipliedReportingOverflow(by: 10_000)
            let (sum, overflowToo) = shifted.subtractingReportingOverflow(digit)
            guard !overflow, !overflowToo else { throw mismatch(column, "a whole number of 64 bits") }
            value = sum
        }
        // Built on the negative side, which reaches one further.
        if isNegative { return value }
        guard value != .min else { throw mismatch(column, "a whole number of 64 bits") }
        return -value
    }
}
