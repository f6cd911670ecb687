package import Core

extension PostgresRow {
    /// From `int8[]` and `int4[]`, `nil` for a NULL element.
    package func ints(_ column: some PostgresColumn) throws(PostgresError) -> [Int64?] {
        try elements(column) { (cell) throws(PostgresError) in try cell.int(column) }
    }

    /// From `text[]` and `varchar[]`, `nil` for a NULL element.
    package func texts(_ column: some PostgresColumn) throws(PostgresError) -> [String?] {
        try elements(column) { (cell) throws(PostgresError) in try cell.text(column) }
    }

    /// From `uuid[]`, `nil` for a NULL element.
    package func uuids(_ column: some PostgresColumn) throws(PostgresError) -> [UUID?] {
        try elements(column) { (cell) throws(PostgresError) in try cell.uuid(column) }
    }

    /// From `bytea[]`, `nil` for a NULL element.
    package func bytesArray(_ column: some PostgresColumn) throws(PostgresError) -> [[UInt8]?] {
        try elements(column) { (cell) throws(PostgresError) in try cell.bytes(column) }
    }

    private func elements<Element>(
        _ column: some PostgresColumn, _ decode: (PostgresCell) throws(PostgresError) -> Element
    ) throws(PostgresError) -> [Element?] {
        try required(
            column, value(column) { (cell) throws(PostgresError) in try cell.elements(column, decode) })
    }
}

extension PostgresCell {
    /// Walks `array_send`'s form, which is that of `array_recv`: see ``ParameterBuffer``.
    func elements<Element>(
        _ column: some PostgresColumn, _ decode: (PostgresCell) throws(PostgresError) -> Element
    ) throws(PostgresError) -> [Element?] {
        var offset = 0
        func word() throws(PostgresError) -> Int32 {
            guard offset + 4 <= bytes.count else { throw mismatch(column, "an array") }
            defer { offset += 4 }
            return Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self))
        }
        let dimensions = try word()
        _ = try word()
        let elementType = PostgresType(rawValue: UInt32(bitPattern: try word()))
        if dimensions == 0 { return [] }
        guard dimensions == 1 else { throw mismatch(column, "an array of one dimension") }
        let count = Int(try word())
        _ = try word()
        // Each element has four bytes of length at least: a count beyond that is no array.
        guard count >= 0, count * 4 <= bytes.count - offset else { throw mismatch(column, "an array") }
        var elements: [Element?] = []
        elements.reserveCapacity(count)
        for _ in 0..<count {
            let length = Int(try word())
            if length < 0 {
                elements.append(nil)
                continue
            }
            guard offset + length <= bytes.count else { throw mismatch(column, "an array") }
            let element = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])
            elements.append(try decode(PostgresCell(type: elementType, bytes: element)))
            offset += length
        }
        return elements
    }
}
