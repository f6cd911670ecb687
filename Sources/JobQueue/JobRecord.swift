import Core

/// A job's packed record: its layout stands in `library/records.lua`, which reads and rewrites it beside this type.
struct JobRecord {
    var enqueuedAt: EpochMilliseconds
    var isQuarantined: Bool
    var priority: PriorityBand
    var attempt: Int
    var crashes: Int
    var maxAttempts: Int
    var digest: UInt64
    var box: JobExtension.Box?
    var kind: String
    var traceContext: String?
    var payload: [UInt8]
    var failures: [JobFailure]

    static let version: UInt8 = 1
    /// That of a record with an extension, which a release without extensions leaves alone.
    static let extendedVersion: UInt8 = 2
    private static let extendedFlag: UInt8 = 8
    private static let headerBytes = 30
    private static let stampBytes = 8
    private static let failureHeaderBytes = 13

    /// The record of a new job without its first 8 bytes, Redis' time, which the script puts in front.
    static func body(of job: NewJob) -> [UInt8] {
        let traceBytes = job.traceContext?.utf8.count ?? 0
        let extent = job.options.map { JobExtension(of: $0).bytes } ?? []
        let extentBytes = extent.isEmpty ? 0 : 2 + extent.count
        let count = headerBytes - stampBytes + extentBytes + job.kind.utf8.count + traceBytes + job.payload.count
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            var writer = ByteWriter(buffer: buffer)
            writer.put(extent.isEmpty ? version : extendedVersion)
            writer.put(job.priority.flags | (extent.isEmpty ? 0 : extendedFlag))
            writer.put(UInt16(0))  // attempt
            writer.put(UInt8(0))  // crashes
            writer.put(UInt16(job.maxAttempts))
            writer.put(JobDigest.of(kind: job.kind, payload: job.sameness ?? job.payload))
            writer.put(UInt8(job.kind.utf8.count))
            writer.put(UInt16(traceBytes))
            writer.put(UInt32(job.payload.count))
            if !extent.isEmpty {
                writer.put(UInt16(extent.count))
                writer.put(extent)
            }
            writer.put(job.kind)
            if let trace = job.traceContext { writer.put(trace) }
            writer.put(job.payload)
            filled = writer.position
        }
    }

    /// `nil` for bytes that are no record of a version this release knows.
    init?(_ bytes: [UInt8]) {
        let record: JobRecord? = bytes.withUnsafeBytes { bytes in
            guard bytes.count >= Self.headerBytes, bytes[8] == Self.version || bytes[8] == Self.extendedVersion else {
                return nil
            }
            return JobRecord(reading: bytes)
        }
        guard let record else { return nil }
        self = record
    }

    private init?(reading bytes: UnsafeRawBufferPointer) {
        func number<Number: FixedWidthInteger>(at offset: Int, as type: Number.Type) -> Number {
            Number(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
        }
        enqueuedAt = EpochMilliseconds(rawValue: number(at: 0, as: Int64.self))
        isQuarantined = bytes[9] & 1 != 0
        attempt = Int(number(at: 10, as: UInt16.self))
        crashes = Int(bytes[12])
        maxAttempts = Int(number(at: 13, as: UInt16.self))
        digest = number(at: 15, as: UInt64.self)
        var kindStart = Self.headerBytes
        box = nil
        if bytes[9] & Self.extendedFlag != 0 {
            guard kindStart + 2 <= bytes.count else { return nil }
            let start = kindStart + 2
            kindStart = start + Int(number(at: kindStart, as: UInt16.self))
            guard kindStart <= bytes.count,
                let read = JobExtension(UnsafeRawBufferPointer(rebasing: bytes[start..<kindStart]))
            else { return nil }
            box = .one(read)
        }
        priority = PriorityBand(flags: bytes[9])
        let kindEnd = kindStart + Int(bytes[23])
        let traceEnd = kindEnd + Int(number(at: 24, as: UInt16.self))
        let payloadEnd = traceEnd + Int(number(at: 26, as: UInt32.self))
        guard payloadEnd <= bytes.count else { return nil }
        kind = String(decoding: bytes[kindStart..<kindEnd], as: UTF8.self)
        traceContext = traceEnd == kindEnd ? nil : String(decoding: bytes[kindEnd..<traceEnd], as: UTF8.self)
        payload = [UInt8](bytes[traceEnd..<payloadEnd])
        failures = []
        var position = payloadEnd
        while position + Self.failureHeaderBytes <= bytes.count {
            let messageStart = position + Self.failureHeaderBytes
            let messageEnd = messageStart + Int(number(at: position + 11, as: UInt16.self))
            guard messageEnd <= bytes.count, let kind = JobFailure.Kind(rawValue: bytes[position + 10]) else {
                return nil
            }
            failures.append(
                JobFailure(
                    at: EpochMilliseconds(rawValue: number(at: position, as: Int64.self)),
                    attempt: Int(number(at: position + 8, as: UInt16.self)), kind: kind,
                    message: String(decoding: bytes[messageStart..<messageEnd], as: UTF8.self)))
            position = messageEnd
        }
        guard position == bytes.count else { return nil }
    }

    /// Stands for a record this release cannot read; only its id means anything.
    static var unreadable: JobRecord {
        JobRecord(
            enqueuedAt: EpochMilliseconds(rawValue: 0), isQuarantined: false, priority: .normal, attempt: 0, crashes: 0,
            maxAttempts: 1,
            digest: 0, kind: "", traceContext: nil, payload: [], failures: [])
    }

    private init(
        enqueuedAt: EpochMilliseconds, isQuarantined: Bool, priority: PriorityBand, attempt: Int, crashes: Int,
        maxAttempts: Int,
        digest: UInt64, kind: String, traceContext: String?, payload: [UInt8],
        failures: [JobFailure]
    ) {
        self.enqueuedAt = enqueuedAt
        self.isQuarantined = isQuarantined
        self.priority = priority
        self.attempt = attempt
        self.crashes = crashes
        self.maxAttempts = maxAttempts
        self.digest = digest
        self.kind = kind
        self.traceContext = traceContext
        self.payload = payload
        self.failures = failures
    }

    /// What few jobs carry.
    var extent: JobExtension { box?.extent ?? JobExtension() }

    /// When it may not begin to run any more; `nil` for never.
    var deadline: EpochMilliseconds? {
        box?.extent.lifetimeMilliseconds.map { EpochMilliseconds(rawValue: enqueuedAt.rawValue + $0) }
    }

    /// The 8 digest bytes as they stand in the record and in the memory of completed jobs.
    static func bytes(ofDigest digest: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: digest >> (56 - 8 * UInt64($0))) }
    }
}

/// Writes big-endian numbers and bytes one after the other into a buffer that is large enough.
private struct ByteWriter {
    let buffer: UnsafeMutableBufferPointer<UInt8>
    var position = 0

    init(buffer: UnsafeMutableBufferPointer<UInt8>) { self.buffer = buffer }

    mutating func put<Number: FixedWidthInteger>(_ number: Number) {
        let size = MemoryLayout<Number>.size
        UnsafeMutableRawBufferPointer(buffer).storeBytes(
            of: number.bigEndian, toByteOffset: position, as: Number.self)
        position += size
    }

    mutating func put(_ text: String) {
        for byte in text.utf8 {
            buffer[position] = byte
            position += 1
        }
    }

    mutating func put(_ bytes: [UInt8]) {
        _ = UnsafeMutableBufferPointer(rebasing: buffer[position...]).update(fromContentsOf: bytes)
        position += bytes.count
    }
}
