import Core

/// What few jobs carry: the part of a record that stands between its head and its kind, where it stands at all.
///
/// Fields of tag, length and value (`library/records.lua`); one of an unknown tag is passed over, so that a later release
/// can add some.
struct JobExtension: Hashable {
    private enum Tag: UInt8 { case lifetime = 1, unique = 2, order = 3, limit = 4, batch = 5 }

    /// How long after its enqueueing the job may begin to run.
    var lifetimeMilliseconds: Int64?
    var unique: UniqueKey?
    var batch: String?
    var orderKey: String?
    /// Of the order key; 1, 0 and 1 in most.
    var places: UInt8 = 1
    var startIntervalMicroseconds: UInt32 = 0
    var burst: UInt16 = 1

    init() {}

    /// One pointer in its owner, and none of its fields is touched where there is none.
    indirect enum Box: Hashable {
        case one(JobExtension)

        var extent: JobExtension {
            switch self {
            case .one(let extent): extent
            }
        }
    }

    init(of job: JobOptions) {
        lifetimeMilliseconds = job.lifetime?.milliseconds
        unique = job.unique
        batch = job.batch
        orderKey = job.orderKey ?? job.limit?.key
        guard let limit = job.limit else { return }
        places = UInt8(clamping: limit.places)
        guard let rate = limit.rate else { return }
        startIntervalMicroseconds = UInt32(clamping: rate.intervalMicroseconds)
        burst = UInt16(clamping: rate.burst)
    }

    /// Whether the end of the job changes more than its record.
    var belongings: Bool { unique != nil || orderKey != nil || batch != nil }

    /// As it stands in a record, without the two bytes of its length; empty when there is nothing to say.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        if let lifetimeMilliseconds {
            bytes += [Tag.lifetime.rawValue, 8]
            withUnsafeBytes(of: lifetimeMilliseconds.bigEndian) { bytes += $0 }
        }
        if let unique {
            bytes += [Tag.unique.rawValue, UInt8(1 + unique.key.utf8.count), unique.mode.rawValue]
            bytes += unique.key.utf8
        }
        if let orderKey {
            bytes += [Tag.order.rawValue, UInt8(orderKey.utf8.count)]
            bytes += orderKey.utf8
        }
        if places != 1 || startIntervalMicroseconds != 0 {
            bytes += [Tag.limit.rawValue, 7, places]
            withUnsafeBytes(of: startIntervalMicroseconds.bigEndian) { bytes += $0 }
            withUnsafeBytes(of: burst.bigEndian) { bytes += $0 }
        }
        if let batch {
            bytes += [Tag.batch.rawValue, UInt8(batch.utf8.count)]
            bytes += batch.utf8
        }
        return bytes
    }

    /// `nil` for bytes that are no extension.
    init?(_ bytes: UnsafeRawBufferPointer) {
        var position = 0
        while position < bytes.count {
            guard position + 2 <= bytes.count else { return nil }
            let end = position + 2 + Int(bytes[position + 1])
            guard end <= bytes.count else { return nil }
            let value = UnsafeRawBufferPointer(rebasing: bytes[position + 2..<end])
            switch Tag(rawValue: bytes[position]) {
            case .lifetime:
                guard value.count == 8 else { return nil }
                lifetimeMilliseconds = Int64(bigEndian: value.loadUnaligned(as: Int64.self))
            case .unique:
                guard let first = value.first, let mode = UniqueKey.Mode(rawValue: first) else { return nil }
                unique = UniqueKey(String(decoding: value.dropFirst(), as: UTF8.self), mode)
            case .limit:
                guard value.count == 7 else { return nil }
                places = value[0]
                startIntervalMicroseconds = UInt32(bigEndian: value.loadUnaligned(fromByteOffset: 1, as: UInt32.self))
                burst = UInt16(bigEndian: value.loadUnaligned(fromByteOffset: 5, as: UInt16.self))
            case .batch: batch = String(decoding: value, as: UTF8.self)
            case .order: orderKey = String(decoding: value, as: UTF8.self)
            case nil: break
            }
            position = end
        }
    }
}
