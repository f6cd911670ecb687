import Core
import EventLoop
import Redis
import TestSupport

@testable import JobQueue

/// Reads all that Redis holds of the queue.
extension ModelWalk {
    /// What Redis holds that the model does not, or the other way round; `nil` when they agree.
    mutating func difference() async throws -> String? {
        model.dropNotes()
        let broken = model.brokenInvariant() ?? model.brokenBatch() ?? model.memory.broken(now: now, settledMax: 5)
        if let broken { return broken }
        var found = QueueModel(leaseMilliseconds: model.leaseMilliseconds, crashesMax: model.crashesMax)
        // All of it in one round trip.
        async let ready = fixture.strings("LRANGE", fixture.key("ready", name), 0, -1)
        async let uniqueFields = fixture.strings("HGETALL", fixture.key("unique", name))
        async let urgent = fixture.strings("LRANGE", fixture.key("urgent", name), 0, -1)
        async let high = fixture.strings("LRANGE", fixture.key("high", name), 0, -1)
        async let low = fixture.strings("LRANGE", fixture.key("low", name), 0, -1)
        async let alone = fixture.strings("LRANGE", fixture.key("alone", name), 0, -1)
        async let scheduled = scores("scheduled")
        async let dead = scores("dead")
        async let expiries = scores("expiries")
        async let leaseFields = fixture.strings("HGETALL", fixture.key("leases", name))
        async let jobs = fixture.connection.command(["HGETALL", fixture.key("jobs", name)])
        async let meta = fixture.connection.command([
            "HMGET", fixture.key("meta", name), "run", "fence", "alive", "check", "hold", "paused", "gen",
            "gen_at",
        ])
        for (priority, ids) in [
            (PriorityBand.normal, try await ready), (.urgent, try await urgent), (.high, try await high),
            (.low, try await low),
        ] where !ids.isEmpty || model.ready[priority] != nil {
            found.ready[priority] = ids
        }
        found.isBanded = model.isBanded
        try await readOrder(into: &found)
        found.rates = try await scores("rates")
        try await readNotes(into: &found)
        found.kept = try await scores("kept")
        (found.keptMilliseconds, found.keptCount) = (model.keptMilliseconds, model.keptCount)
        let keys = try await uniqueFields
        for index in stride(from: 0, to: keys.count, by: 2) { found.unique[keys[index]] = keys[index + 1] }
        found.alone = try await alone
        found.scheduled = try await scheduled
        found.dead = try await dead
        for (fence, expiry) in try await expiries { found.expiries[Int64(fence) ?? 0] = expiry }
        let leases = try await leaseFields
        for index in stride(from: 0, to: leases.count, by: 2) {
            let lines = leases[index + 1].split(separator: "\n")
            let head = lines[0].split(separator: " ").map(String.init)
            found.leases[Int64(leases[index]) ?? 0] = QueueModel.Lease(
                token: head[0], isAlone: head[1] == "1", run: head[2],
                ids: lines[1].split(separator: " ").map(String.init))
        }
        try read(jobs: try await jobs, into: &found)
        try read(meta: try await meta, into: &found)
        try await readMemory(into: &found)
        try await readBatches(into: &found)
        if found == model { return nil }
        return QueueModel.parts(of: found, otherThanIn: model)
    }

    private func readOrder(into found: inout QueueModel) async throws {
        let heads = try await fixture.strings("HGETALL", fixture.key("heads", name))
        for index in stride(from: 0, to: heads.count, by: 2) { found.heads[heads[index]] = heads[index + 1] }
        for member in try await fixture.strings("ZRANGE", fixture.key("ordered", name), 0, -1) {
            let parts = member.split(separator: " ").map(String.init)
            found.ordered[parts[0], default: []].append(
                QueueModel.Held(id: parts[3], due: Int64(parts[2]) ?? -1))
        }
    }

    private func readNotes(into found: inout QueueModel) async throws {
        let fields = try await fixture.connection.command(["HGETALL", fixture.key("notes", name)]).array ?? []
        for index in stride(from: 0, to: fields.count, by: 2) {
            guard let id = fields[index].string, let notes = fields[index + 1].bytes.flatMap(JobNotes.init) else {
                throw TestSupportError("unreadable notes")
            }
            found.notes[id] = QueueModel.Notes(
                progress: notes.progress.map { Int(($0 * 1000).rounded()) }, lines: notes.log.map(\.text))
        }
    }

    private func readMemory(into found: inout QueueModel) async throws {
        let known = model.memory
        (found.memory.milliseconds, found.memory.count, found.memory.ends) = (
            known.milliseconds, known.count, known.ends
        )
        for generation in 0...1 {
            let key = fixture.key("done\(generation)", name)
            let fields = try await fixture.connection.command(["HGETALL", key]).array ?? []
            for index in stride(from: 0, to: fields.count, by: 2) {
                guard let id = fields[index].string, let entry = fields[index + 1].bytes, entry.count == 9 else {
                    throw TestSupportError("an unreadable end")
                }
                found.memory.generations[generation][id] =
                    (Self.payloads[Array(entry.prefix(8))] ?? "?") + String(decoding: entry.suffix(1), as: UTF8.self)
            }
        }
    }

    private static let payloads = Dictionary(
        uniqueKeysWithValues: ["payload", "other"].map { payload in
            (JobRecord.bytes(ofDigest: JobDigest.of(kind: "test.v1", payload: Array(payload.utf8))), payload)
        })

    private func scores(_ suffix: String) async throws -> [String: Int64] {
        let values = try await fixture.strings("ZRANGE", fixture.key(suffix, name), 0, -1, "WITHSCORES")
        var scores: [String: Int64] = [:]
        for index in stride(from: 0, to: values.count, by: 2) { scores[values[index]] = Int64(values[index + 1]) }
        return scores
    }

    private func read(jobs: RedisValue, into found: inout QueueModel) throws {
        let fields = jobs.array ?? []
        for index in stride(from: 0, to: fields.count, by: 2) {
            guard let id = fields[index].string, let bytes = fields[index + 1].bytes, let record = JobRecord(bytes)
            else {
                throw TestSupportError("an unreadable record")
            }
            // The history keeps five; the model counts them all. Whether it died alone shows at its redrive only.
            let known = model.jobs[id]
            found.jobs[id] = QueueModel.Job(
                payload: String(decoding: record.payload, as: UTF8.self), attempt: record.attempt,
                crashes: record.crashes, maxAttempts: record.maxAttempts,
                failures: record.failures.count == 5 ? max(5, known?.failures ?? 5) : record.failures.count,
                isQuarantined: record.isQuarantined, priority: record.priority, deadline: record.deadline?.rawValue,
                unique: record.extent.unique, orderKey: record.extent.orderKey, places: Int(record.extent.places),
                interval: Int64(record.extent.startIntervalMicroseconds) / 1000, burst: Int64(record.extent.burst),
                batch: record.extent.batch,
                isCancelled: bytes[9] & 4 != 0,
                diedAlone: known?.diedAlone ?? false)
        }
    }

    private func read(meta: RedisValue, into found: inout QueueModel) throws {
        let values = meta.array ?? []
        guard values.count == 8 else { throw TestSupportError("no meta") }
        found.run = values[0].string
        found.fence = values[1].integer ?? 0
        found.alive = values[2].integer ?? 0
        found.check = values[3].integer ?? 0
        found.hold = values[4].integer ?? 0
        found.isPaused = values[5].string == "1"
        found.memory.current = Int(values[6].integer ?? 0)
        found.memory.since = values[7].integer
    }
}
