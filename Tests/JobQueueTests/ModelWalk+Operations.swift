import EventLoop
import Redis
import TestSupport

@testable import JobQueue

/// What time, operators and the jobs themselves do.
extension ModelWalk {
    mutating func tick() async throws -> String {
        let answer = try await context.run(
            QueueScript.tick, name, shard: 0,
            [.string(run), .integer(model.leaseMilliseconds), RedisArgument(model.crashesMax), "0"])
        guard answer[0]?.integer == now else { throw TestSupportError("another time") }
        noteQuarantined(answer[5])
        model.keepUp(now: now, run: run)
        noteHold(now)
        return "tick"
    }

    mutating func extend() async throws -> String {
        guard let lease = known.randomElement(using: &random), model.leases[lease.fence] != nil else {
            return "no lease"
        }
        let answer = try await context.run(
            QueueScript.extend, name, shard: 0,
            [.integer(model.leaseMilliseconds), .integer(lease.fence), .string(lease.token)])
        guard answer[0]?.string == "+" else { throw TestSupportError("not extended") }
        model.extend(lease.fence, now: now)
        return "extend \(lease.fence)"
    }

    mutating func operate() async throws -> String {
        let dead = model.dead.keys.sorted()
        let ofBatches = chance(80) ? dead.filter { model.jobs[$0]?.batch != nil } : []
        guard let id = (ofBatches.isEmpty ? dead : ofBatches).randomElement(using: &random) else {
            return "none is dead"
        }
        if chance(75) {
            return try await redrive(id)
        }
        _ = try await context.run(QueueScript.discard, name, shard: 0, ["1", .string(id)])
        model.delete(id, now: now)
        return "delete \(id)"
    }

    mutating func redrive(_ id: String) async throws -> String {
        _ = try await context.run(QueueScript.redrive, name, shard: 0, [.string(id), "0"])
        model.redrive(id, now: now)
        seen.insert(.redriven)
        return "redrive \(id)"
    }

    mutating func cancel() async throws -> String {
        guard let id = model.jobs.keys.sorted().randomElement(using: &random) else { return "nothing to cancel" }
        _ = try await context.run(QueueScript.cancel, name, shard: 0, [.string(id), "1"])
        model.cancel(id, now: now)
        if model.jobs[id] == nil || model.jobs[id]?.isCancelled == true { seen.insert(.cancelled) }
        return "cancel \(id)"
    }

    mutating func note() async throws -> String {
        let alive = known.filter { model.leases[$0.fence] != nil }
        guard let lease = (chance(80) ? alive : known).randomElement(using: &random),
            let id = lease.ids.randomElement(using: &random)
        else {
            return "nothing to note"
        }
        let progress = chance(50) ? Int.random(in: 0...1000, using: &random) : nil
        let line = chance(70) ? "step \(steps)" : nil
        let answer = try await context.run(
            QueueScript.note, name, shard: 0,
            [
                .integer(lease.fence), .string(lease.token), .string(id), progress.map { RedisArgument($0) } ?? "",
                .string(line ?? ""),
            ])
        let expected = model.note(fence: lease.fence, token: lease.token, id: id, progress: progress, line: line)
        if answer.integer != (expected ? 1 : 0) { throw TestSupportError("note answered \(answer)") }
        if expected { seen.insert(.noted) }
        return "note \(id)"
    }

    mutating func pause() async throws -> String {
        // Rarely paused, and soon resumed.
        let paused = !model.isPaused && chance(30)
        _ = try await context.run(QueueScript.pause, name, shard: 0, [paused ? "1" : "0"])
        model.isPaused = paused
        return paused ? "pause" : "resume"
    }

    /// Redis says another run id from here on, as after a restart.
    mutating func restart() -> String {
        guard chance(50) else { return "nothing" }
        runs += 1
        run = "run-\(runs)"
        seen.insert(.restarted)
        return "restart"
    }

    /// Lets some time pass: mostly so that leases expire and jobs become due, now and then until all is old.
    mutating func wait() async throws -> String {
        let most = chance(10) ? model.memory.milliseconds * 3 / 2 : model.leaseMilliseconds * 2 / 3
        let milliseconds = Int64.random(in: 1...most, using: &random)
        try await pass(milliseconds)
        return "wait \(milliseconds)"
    }

    mutating func noteQuarantined(_ value: RedisValue?) {
        if value?.array?.isEmpty == false { seen.insert(.quarantined) }
    }

    mutating func noteHold(_ now: Int64) {
        if model.hold > now { seen.insert(.held) }
    }
}
