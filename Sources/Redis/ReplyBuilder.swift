import CHiredis

/// Builds ``RedisValue``s while hiredis parses, in place of its own tree of `redisReply`s.
///
/// The reader announces elements depth first, so a stack of open arrays is all it takes: each string is copied once, from
/// the read buffer into its value, and a reply costs no allocation of hiredis.
final class ReplyBuilder {
    /// Whole replies, in order, that nobody has taken yet.
    private(set) var finished: [RedisValue] = []
    private var open: [OpenArray] = []

    private struct OpenArray {
        var elements: [RedisValue]
        var missing: Int
    }

    func takeFinished() -> [RedisValue] {
        var taken: [RedisValue] = []
        swap(&taken, &finished)
        return taken
    }

    fileprivate func add(_ value: RedisValue) {
        var value = value
        while let last = open.indices.last {
            open[last].elements.append(value)
            open[last].missing -= 1
            if open[last].missing > 0 { return }
            value = .array(open.removeLast().elements)
        }
        finished.append(value)
    }

    fileprivate func beginArray(_ count: Int) {
        guard count > 0 else { return add(.array([])) }
        var array = OpenArray(elements: [], missing: count)
        array.elements.reserveCapacity(min(count, RedisLimits.reservedElementsMax))
        open.append(array)
    }

    fileprivate func addString(_ bytes: UnsafeRawBufferPointer, type: Int32) {
        switch type {
        case REDIS_REPLY_STATUS: add(.status(String(decoding: bytes, as: UTF8.self)))
        case REDIS_REPLY_ERROR: add(.error(String(decoding: bytes, as: UTF8.self)))
        default: add(.bytes([UInt8](bytes)))
        }
    }
}

extension ReplyBuilder {
    /// Makes `reader` build with this object, which must outlive it.
    func attach(to reader: UnsafeMutablePointer<redisReader>) {
        reader.pointee.fn = Self.functions
        reader.pointee.privdata = Unmanaged.passUnretained(self).toOpaque()
        reader.pointee.maxbuf = RedisLimits.keptBufferBytesMax
    }

    // Guard: written once here, and only ever read by hiredis afterwards.
    private nonisolated(unsafe) static let functions: UnsafeMutablePointer<redisReplyObjectFunctions> = {
        let functions = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        functions.initialize(to: redisReplyObjectFunctions())
        functions.pointee.createString = { task, text, length in
            ReplyBuilder.of(task)?.addString(
                UnsafeRawBufferPointer(start: text, count: length), type: task?.pointee.type ?? REDIS_REPLY_STRING)
            return UnsafeMutableRawPointer(ReplyBuilder.stand)
        }
        functions.pointee.createArray = { task, count in
            ReplyBuilder.of(task)?.beginArray(Int(count))
            return UnsafeMutableRawPointer(ReplyBuilder.stand)
        }
        functions.pointee.createInteger = { task, value in
            ReplyBuilder.of(task)?.add(.integer(value))
            return UnsafeMutableRawPointer(ReplyBuilder.stand)
        }
        functions.pointee.createNil = { task in
            ReplyBuilder.of(task)?.add(.null)
            return UnsafeMutableRawPointer(ReplyBuilder.stand)
        }
        functions.pointee.freeObject = { _ in }
        return functions
    }()

    /// What hiredis holds in place of each reply. It looks into a reply only when nobody asked for one, and aborts the
    /// process unless that is an error: so this is one, and the connection ends instead.
    // Guard: written once here, and only ever read by hiredis afterwards.
    private nonisolated(unsafe) static let stand: UnsafeMutablePointer<redisReply> = {
        let text = "a reply that no command asked for"
        let bytes = UnsafeMutablePointer<CChar>.allocate(capacity: text.utf8.count + 1)
        for (index, byte) in text.utf8.enumerated() { bytes[index] = CChar(byte) }
        bytes[text.utf8.count] = 0
        let reply = UnsafeMutablePointer<redisReply>.allocate(capacity: 1)
        reply.initialize(to: redisReply())
        reply.pointee.type = REDIS_REPLY_ERROR
        reply.pointee.str = bytes
        reply.pointee.len = text.utf8.count
        return reply
    }()

    private static func of(_ task: UnsafePointer<redisReadTask>?) -> ReplyBuilder? {
        guard let context = task?.pointee.privdata else { return nil }
        return Unmanaged<ReplyBuilder>.fromOpaque(context).takeUnretainedValue()
    }
}
