import EventLoop
import Redis
import TestSupport

@testable import JobQueue

/// Ends of attempts, and the jobs that follow them.
extension ModelWalk {
    typealias KnownLease = (fence: Int64, token: String, ids: [String])

    mutating func settle() async throws -> String {
        let alive = chance(70) ? known.filter { model.leases[$0.fence] != nil } : known
        guard var lease = alive.randomElement(using: &random) else { return "nothing to settle" }
        let verdicts = lease.ids.filter { _ in chance(80) }.map { (id: $0, verdict: verdict()) }
        if chance(3) { lease.token = "0000000000000000" }
        // Only what ends well is followed; what comes of the others is the same.
        let parents = verdicts.filter { $0.verdict == .complete }.map(\.id)
        var followUps: [QueueModel.FollowUp] = []
        if chance(35), !parents.isEmpty {
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                followUps.append(followUp(of: parents.randomElement(using: &random) ?? parents[0], amid: lease.ids))
            }
        }
        return try await settle(lease, verdicts, followUps)
    }

    /// Often in the batch of the job it follows, or with the unique key of one that is settled with it.
    private mutating func followUp(of parent: String, amid ids: [String]) -> QueueModel.FollowUp {
        var job = newJob()
        if chance(50), let batch = model.jobs[parent]?.batch { job.batch = batch }
        let keys = (chance(50) ? [parent] : ids).compactMap { model.jobs[$0]?.unique?.key }
        if chance(60), let key = keys.randomElement(using: &random) {
            job.unique = UniqueKey(key, UniqueKey.Mode.allCases.randomElement(using: &random) ?? .replace)
        }
        return (job, parent)
    }

    private mutating func verdict() -> QueueModel.Verdict {
        switch Int.random(in: 0..<(isPlain ? 10 : 12), using: &random) {
        case 0..<5: .complete
        case 5, 6: .retry(delay: chance(50) ? 0 : Int64.random(in: 1...20, using: &random))
        case 7: .bury
        case 8: .giveBack
        case 10: .expire
        case 11: .cancel
        default: .snooze(delay: Int64.random(in: 0...20, using: &random))
        }
    }

    mutating func settle(
        _ lease: KnownLease, _ verdicts: [(id: String, verdict: QueueModel.Verdict)],
        _ followUps: [QueueModel.FollowUp] = []
    ) async throws -> String {
        let completed = verdicts.filter { $0.verdict == .complete && !model.hasBelongings($0.id) }.map(\.id)
        let others = verdicts.filter { !completed.contains($0.id) }
        var arguments: [RedisArgument] = [
            "1", .integer(model.memory.milliseconds), RedisArgument(model.memory.count), "0",
            .integer(model.keptMilliseconds), RedisArgument(model.keptCount), "1",
            .integer(lease.fence), .string(lease.token),
            RedisArgument(completed.count), RedisArgument(others.count),
        ]
        arguments += completed.map { .string($0) }
        for id in completed {
            let digest = JobDigest.of(kind: "test.v1", payload: Array((model.jobs[id]?.payload ?? "").utf8))
            arguments.append(.bytes(JobRecord.bytes(ofDigest: digest)))
        }
        for (id, verdict) in others {
            let (letter, delay) = Self.letter(of: verdict)
            arguments += [.string(id), letter, .integer(delay), "message"]
        }
        var keys = context.keys.of(name, shard: 0)
        if !followUps.isEmpty {
            keys += keys
            let news = followUps.map { newJob(of: $0.job) }
            let uses = news.reduce(into: JobUses()) { $0.formUnion($1.uses) }
            arguments += [RedisArgument(news.count), uses.options(of: name)]
            for (followUp, new) in zip(followUps, news) {
                arguments += [
                    .string(new.id), .integer(followUp.job.delay), .bytes(JobRecord.body(of: new)),
                    .string(followUp.parent),
                ]
            }
        }
        let answer = try await context.run(QueueScript.settle, keys: keys, arguments)
        guard answer[2]?.integer == now, let stale = answer[0]?.array, let died = answer[1]?.array else {
            throw TestSupportError("no answer")
        }
        let settled = QueueModel.Settled(
            stale: Set(stride(from: 1, to: stale.count, by: 2).compactMap { stale[$0].string }),
            died: Set(died.compactMap(\.string)), cancelled: Set(answer[5]?.array?.compactMap(\.string) ?? []),
            codes: answer[4]?[0]?.string ?? "")
        let before = model.jobs
        let expected = model.settle(
            fence: lease.fence, token: lease.token, completed: completed, others, followUps: followUps, now: now)
        if settled != expected {
            throw TestSupportError("settle of \(lease) \(verdicts) \(followUps) answered \(settled), not \(expected)")
        }
        noteSights(of: settled, followUps, before)
        return "settle \(lease.fence) \(verdicts) followed by \(followUps)"
    }

    private mutating func noteSights(
        of settled: QueueModel.Settled, _ followUps: [QueueModel.FollowUp], _ before: [String: QueueModel.Job]
    ) {
        let added = zip(followUps, settled.codes).filter { $0.1 == "a" }.map(\.0)
        if !added.isEmpty { seen.insert(.followed) }
        if settled.codes.contains("-") { seen.insert(.unwanted) }
        for followUp in added {
            let parent = before[followUp.parent]
            if let batch = followUp.job.batch, batch == parent?.batch { seen.insert(.followedInBatch) }
            if let key = followUp.job.unique?.key, key == parent?.unique?.key { seen.insert(.keyPassedOn) }
        }
        if !settled.stale.isEmpty { seen.insert(.stale) }
        if !settled.died.isEmpty { seen.insert(.died) }
        if !model.kept.isEmpty { seen.insert(.kept) }
        if !model.ordered.isEmpty { seen.insert(.heldBack) }
    }

    private static func letter(of verdict: QueueModel.Verdict) -> (RedisArgument, Int64) {
        switch verdict {
        case .retry(let delay): ("r", delay)
        case .bury: ("b", 0)
        case .complete: ("c", 0)
        case .giveBack: ("g", 0)
        case .expire: ("e", 0)
        case .cancel: ("x", 0)
        case .snooze(let delay): ("s", delay)
        }
    }
}
