import Core
import Redis
import Telemetry

extension JobQueue {
    /// Leases up to `max` jobs of a queue in a shard, after a capped part of what time has brought about there.
    ///
    /// Workers use ``LeaseSource``, which knows which shard has something and when a suspect may be taken.
    /// - Parameters:
    ///   - max: 1 to 500.
    ///   - mayTakeAlone: whether this process holds no job at all, so that a suspect may run by itself in it.
    package func lease(
        _ queue: QueueName, shard: Int, max: Int, mayTakeAlone: Bool
    ) async throws(QueueError) -> LeaseAnswer {
        let token = UInt64.random(in: .min ... .max)
        let arguments: [RedisArgument] = [
            .runID, .string(Lease.text(ofToken: token)), .string(context.workerName),
            .integer(context.leaseMilliseconds), RedisArgument(min(Swift.max(1, max), QueueLimits.leaseJobsMax)),
            mayTakeAlone ? "1" : "0", RedisArgument(configuration.crashesMax), skipLeasedAlone,
        ]
        let answer = try await context.run(QueueScript.lease, queue, shard: shard, arguments)
        guard let parts = answer.array, parts.count == 11, let state = parts[0].string,
            let fence = parts[1].integer, let now = parts[2].integer, let check = parts[3].integer,
            let readyLeft = parts[4].integer, let suspectsLeft = parts[5].integer, let alone = parts[6].integer,
            let ids = parts[7].bytes, let records = parts[8].array, let quarantined = parts[9].array,
            let expired = parts[10].array
        else { throw .unexpected(QueueScript.lease) }
        reportQuarantined(quarantined, queue, shard: shard, at: now)
        var batch: LeaseBatch?
        if state == "leased" {
            let lease = Lease(queue: queue, shard: shard, fence: fence, token: token, isAlone: alone == 1)
            batch = try take(lease, ids: ids, records: records, expired: Set(expired.compactMap(\.string)))
            if context.feed.isTailed, let batch { context.feed.noteLeased(batch, at: now) }
        }
        return LeaseAnswer(
            batch: batch, isPaused: state == "paused", nextCheck: LeaseAnswer.wait(until: check, now: now),
            readyLeft: Int(readyLeft), suspectsLeft: Int(suspectsLeft))
    }

    /// An idle worker's look at a queue of a shard: promotes and reaps a capped part of what is due there.
    func tick(_ queue: QueueName, shard: Int) async throws(QueueError) -> LeaseAnswer {
        let arguments: [RedisArgument] = [
            .runID, .integer(context.leaseMilliseconds), RedisArgument(configuration.crashesMax),
            skipLeasedAlone,
        ]
        let answer = try await context.run(QueueScript.tick, queue, shard: shard, arguments)
        guard let parts = answer.array, parts.count == 6, let now = parts[0].integer, let check = parts[1].integer,
            let ready = parts[2].integer, let suspects = parts[3].integer, let paused = parts[4].integer,
            let quarantined = parts[5].array
        else { throw .unexpected(QueueScript.tick) }
        reportQuarantined(quarantined, queue, shard: shard, at: now)
        return LeaseAnswer(
            batch: nil, isPaused: paused == 1, nextCheck: LeaseAnswer.wait(until: check, now: now),
            readyLeft: Int(ready),
            suspectsLeft: Int(suspects))
    }

    private var skipLeasedAlone: RedisArgument { configuration.faults.contains(.skipLeasedAlone) ? "1" : "0" }

    private func take(
        _ lease: Lease, ids: [UInt8], records: [RedisValue], expired: Set<String>
    ) throws(QueueError) -> LeaseBatch? {
        var jobs: [LeasedJob] = []
        var late: [LeasedJob] = []
        var unreadable: [LeasedJob] = []
        jobs.reserveCapacity(records.count)
        let ids = ids.split(separator: UInt8(ascii: " "))
        guard ids.count == records.count else { throw .unexpected(QueueScript.lease) }
        for (id, record) in zip(ids, records) {
            let id = String(decoding: id, as: UTF8.self)
            guard let bytes = record.bytes, let record = JobRecord(bytes) else {
                context.reportUnreadable(id, lease.queue)
                unreadable.append(LeasedJob(id: id, lease: lease, record: .unreadable))
                continue
            }
            let job = LeasedJob(id: id, lease: lease, record: record)
            if !expired.isEmpty, expired.contains(id) { late.append(job) } else { jobs.append(job) }
        }
        held.add(lease, jobCount: records.count)
        if !unreadable.isEmpty { park(unreadable) }
        if !late.isEmpty { endExpired(late) }
        guard !jobs.isEmpty else { return nil }
        context.metrics.leased[lease.queue.ordinal].add(jobs.count)
        return LeaseBatch(lease: lease, jobs: jobs)
    }

    /// Puts records of a newer release off, for a worker of that release to take them.
    private func park(_ jobs: [LeasedJob]) {
        Task {
            do throws(QueueError) {
                _ = try await settle(jobs.map { (job: $0, verdict: .snooze(.seconds(60))) })
            } catch {
                context.log.warning("unreadable jobs could not be put off", ["error": .error(error)])
            }
        }
    }

    private func reportQuarantined(_ values: [RedisValue], _ queue: QueueName, shard: Int, at time: Int64) {
        guard !values.isEmpty else { return }
        var jobs: [StoredJob] = []
        for index in stride(from: 0, to: values.count - 1, by: 2) {
            guard let id = values[index].string, let bytes = values[index + 1].bytes else { continue }
            let record = JobRecord(bytes)
            if record == nil { context.reportUnreadable(id, queue) }
            jobs.append(
                StoredJob(
                    id: id, queue: queue, shard: shard, state: .quarantined, record: record,
                    time: EpochMilliseconds(rawValue: time)))
            context.log.error(
                "a job is quarantined: its runs ended their workers",
                [
                    "job.id": .string(id), "job.queue": .string(queue.rawValue),
                    "job.kind": .string(record?.kind ?? ""),
                    "job.worker": .string(record?.failures.last?.message ?? ""),
                ])
        }
        context.metrics.quarantined[queue.ordinal].add(jobs.count)
        if context.feed.isTailed { context.feed.noteQuarantined(jobs, at: time) }
        onQuarantine?(jobs)
    }
}
