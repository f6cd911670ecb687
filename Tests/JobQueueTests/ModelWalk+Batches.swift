import EventLoop
import Redis
import TestSupport

@testable import JobQueue

/// Batches: opened, sealed and looked at; their jobs come with all others.
extension ModelWalk {
    mutating func batchName() -> String { "batch-\(Int.random(in: 0..<4, using: &random))" }

    /// Rarely one that is sealed, or it would never end.
    mutating func batchToJoin() -> String? {
        let name = batchName()
        return model.batches[name]?.isSealed != true || chance(15) ? name : nil
    }

    mutating func batch() async throws -> String {
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<5: return try await open(batchName())
        case 5..<8: return try await seal(batchName())
        default: return try await look(batchName())
        }
    }

    private mutating func open(_ name: String) async throws -> String {
        // The same name and the same followers come again and again.
        let batch = QueueModel.Batch(
            openedAt: now, onSuccess: follower("success-\(name)"), onCompletion: follower("completion-\(name)"))
        let followers = JobBatch(
            id: name, queue: self.name, shardKey: "key", onSuccess: batch.onSuccess.map(job(of:)),
            onCompletion: batch.onCompletion.map(job(of:))
        ).followers
        let answer = try await context.run(
            QueueScript.batchOpen, self.name, shard: 0, [.string(name), .bytes(followers)])
        if answer.integer != (model.open(name, batch) ? 1 : 0) { throw TestSupportError("open answered \(answer)") }
        return "open \(name)"
    }

    private mutating func follower(_ id: String) -> QueueModel.Follower? {
        guard chance(80) else { return nil }
        let priority = PriorityBand.allCases.randomElement(using: &random) ?? .normal
        return QueueModel.Follower(
            id: id, payload: "payload", priority: chance(50) ? .normal : priority,
            maxAttempts: Int.random(in: 1...3, using: &random))
    }

    private func job(of follower: QueueModel.Follower) -> NewJob {
        .test(
            follower.id, name, payload: follower.payload, maxAttempts: follower.maxAttempts,
            priority: follower.priority)
    }

    mutating func seal(_ name: String) async throws -> String {
        let answer = try await context.run(QueueScript.batchSeal, self.name, shard: 0, [.string(name)])
        if answer.integer != (model.seal(name, now: now) ? 1 : 0) { throw TestSupportError("seal answered \(answer)") }
        return "seal \(name)"
    }

    private func look(_ name: String) async throws -> String {
        let answer = try await context.run(QueueScript.batchFind, self.name, shard: 0, [.string(name)])
        let expected = model.batches[name].map { batch in
            [Self.flags(of: batch), batch.openedAt, Int64(batch.out.count), Int64(batch.dead.count)]
        }
        let numbers = answer.array?.compactMap(\.integer)
        if numbers != expected ?? [] { throw TestSupportError("a look at \(name) answered \(answer)") }
        return "look at \(name)"
    }

    private static func flags(of batch: QueueModel.Batch) -> Int64 {
        (batch.isSealed ? 1 : 0) + (batch.cannotSucceed ? 2 : 0) + (batch.isTold ? 4 : 0)
    }

    mutating func noteSights() {
        noteEnds()
        if model.batchEnds[.succeeded] != nil { seen.insert(.batchSucceeded) }
        if model.batchEnds[.succeededAfterRedrive] != nil { seen.insert(.batchSucceededAfterRedrive) }
        if model.batchEnds[.failed] != nil { seen.insert(.batchFailed) }
    }

    // MARK: Comparison

    func readBatches(into found: inout QueueModel) async throws {
        (found.batchEnds, found.leavers) = (model.batchEnds, [])
        let fields = try await fixture.connection.command(["HGETALL", fixture.key("batches", name)]).array ?? []
        for index in stride(from: 0, to: fields.count, by: 2) {
            guard let id = fields[index].string, let bytes = fields[index + 1].bytes else {
                throw TestSupportError("an unreadable batch")
            }
            found.batches[id] = try Self.batch(bytes)
        }
        for member in try await fixture.strings("ZRANGE", fixture.key("members", name), 0, -1) {
            let isDead = member.contains("~")
            let parts = member.split(separator: isDead ? "~" : " ").map(String.init)
            guard parts.count == 2, var batch = found.batches[parts[0]] else {
                throw TestSupportError("\(member) is of no batch")
            }
            if isDead { batch.dead.insert(parts[1]) } else { batch.out.insert(parts[1]) }
            found.batches[parts[0]] = batch
        }
    }

    /// As `library/batches.lua` lays it out.
    private static func batch(_ bytes: [UInt8]) throws -> QueueModel.Batch {
        var batch = QueueModel.Batch(openedAt: bytes[1..<9].reduce(0) { $0 << 8 | Int64($1) })
        batch.isSealed = bytes[0] & 1 != 0
        batch.cannotSucceed = bytes[0] & 2 != 0
        batch.isTold = bytes[0] & 4 != 0
        var rest = bytes[9...]
        batch.onSuccess = try follower(&rest)
        batch.onCompletion = try follower(&rest)
        return batch
    }

    private static func follower(_ bytes: inout ArraySlice<UInt8>) throws -> QueueModel.Follower? {
        guard let idCount = bytes.popFirst(), idCount > 0 else { return nil }
        let id = String(decoding: bytes.prefix(Int(idCount)), as: UTF8.self)
        bytes = bytes.dropFirst(Int(idCount))
        let count = bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        let stamp = [UInt8](repeating: 0, count: 8)
        guard let record = JobRecord(stamp + bytes.dropFirst(4).prefix(count)) else {
            throw TestSupportError("an unreadable follower")
        }
        bytes = bytes.dropFirst(4 + count)
        return QueueModel.Follower(
            id: id, payload: String(decoding: record.payload, as: UTF8.self), priority: record.priority,
            maxAttempts: record.maxAttempts)
    }
}
