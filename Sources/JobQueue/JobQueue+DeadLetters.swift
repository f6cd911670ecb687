import Core
import Redis

// Whoever owes a job a row in PostgreSQL sets the row first: to owed before a redrive, to its end before a deletion.
extension JobQueue {
    /// A part of a queue's dead letters: looks at no more than `limit` of them, shard after shard.
    ///
    /// - Parameters:
    ///   - cursor: where the last page ended; `nil` for the beginning. Letters that die or go meanwhile may be missed or
    ///     seen twice.
    ///   - limit: 1 to 200.
    package func deadLetters(
        _ queue: QueueName, matching filter: DeadLetterFilter = .all, after cursor: DeadLetterCursor? = nil,
        limit: Int = 100
    ) async throws(QueueError) -> DeadLetterPage {
        var cursor = cursor ?? DeadLetterCursor()
        let limit = min(max(1, limit), QueueLimits.deadLettersPageMax)
        var jobs: [StoredJob] = []
        var seen = 0
        while cursor.shard < configuration.shardCount, seen < limit {
            let wanted = limit - seen
            let page = try await deadLetters(queue, at: cursor, limit: wanted)
            seen += page.count
            jobs += page.filter(filter.matches)
            cursor.offset += page.count
            if page.count < wanted { cursor = DeadLetterCursor(shard: cursor.shard + 1) }
        }
        return DeadLetterPage(jobs: jobs, seen: seen, next: cursor.shard < configuration.shardCount ? cursor : nil)
    }

    private func deadLetters(
        _ queue: QueueName, at cursor: DeadLetterCursor, limit: Int
    ) async throws(QueueError) -> [StoredJob] {
        let answer = try await context.run(
            QueueScript.dead, queue, shard: cursor.shard, [RedisArgument(cursor.offset), RedisArgument(limit)])
        guard let ids = answer[0]?.array, let times = answer[1]?.array, let records = answer[2]?.array,
            ids.count == times.count, ids.count == records.count
        else { throw .unexpected(QueueScript.dead) }
        var jobs: [StoredJob] = []
        for index in ids.indices {
            guard let id = ids[index].string, let time = times[index].integer, let bytes = records[index].bytes
            else { throw .unexpected(QueueScript.dead) }
            let record = JobRecord(bytes)
            if record == nil { context.reportUnreadable(id, queue) }
            jobs.append(
                StoredJob(
                    id: id, queue: queue, shard: cursor.shard,
                    state: record?.isQuarantined == true ? .quarantined : .dead, record: record,
                    time: EpochMilliseconds(rawValue: time)))
        }
        return jobs
    }

    /// Gives dead jobs another life: attempts and crashes start again, the history stays, and one that may have ended its
    /// worker is leased alone.
    ///
    /// - Parameter perSecond: how many become ready in each second, the first at once; `nil` for all at once.
    /// - Returns: how many were dead still and are not any more.
    package func redrive(_ jobs: [StoredJob], perSecond: Double? = nil) async throws(QueueError) -> Int {
        try await redrive(jobs, perSecond: perSecond, from: 0)
    }

    private func redrive(
        _ jobs: [StoredJob], perSecond: Double?, from first: Int
    ) async throws(QueueError) -> Int {
        if let perSecond, !(perSecond > 0) { throw .invalid("the pace of a redrive must be above zero") }
        var arguments: [Place: [RedisArgument]] = [:]
        for (index, job) in jobs.enumerated() {
            let delay = perSecond.map { Double(first + index) * 1000 / $0 } ?? 0
            arguments[Place(job), default: []] += [
                .string(job.id),
                .integer(Int64(min(delay, Double(QueueLimits.delayMax.milliseconds)))),
            ]
        }
        return try await run(QueueScript.redrive, arguments, perJob: 2) { _ in [] }
    }

    /// Redrives all dead letters that match.
    ///
    /// - Parameter dryRun: only counts them.
    /// - Returns: how many matched and, unless it was a dry run, live again.
    package func redriveAll(
        _ queue: QueueName, matching filter: DeadLetterFilter = .all, perSecond: Double? = nil, dryRun: Bool
    ) async throws(QueueError) -> Int {
        var cursor: DeadLetterCursor? = DeadLetterCursor()
        var count = 0
        while let from = cursor {
            let page = try await deadLetters(
                queue, matching: filter, after: from, limit: QueueLimits.deadLettersPageMax)
            cursor = page.next
            if dryRun {
                count += page.jobs.count
                continue
            }
            count += try await redrive(page.jobs, perSecond: perSecond, from: count)
            // Those that went no longer stand before the cursor of their shard.
            if let next = page.next { cursor?.offset -= page.jobs.count { $0.shard == next.shard } }
        }
        return count
    }

    /// Deletes dead jobs; where a queue remembers, their ids answer `cancelled` for a time.
    ///
    /// - Returns: how many were dead still.
    package func delete(_ jobs: [StoredJob]) async throws(QueueError) -> Int {
        var arguments: [Place: [RedisArgument]] = [:]
        for job in jobs { arguments[Place(job), default: []].append(.string(job.id)) }
        return try await run(QueueScript.discard, arguments, perJob: 1) { place in
            [place.queue.remembersCompletedJobs ? "1" : "0"]
        }
    }

    private struct Place: Hashable {
        let queue: QueueName
        let shard: Int

        init(_ job: StoredJob) {
            queue = job.queue
            shard = job.shard
        }
    }

    /// Runs a script that answers a number, in capped slices, and adds the numbers up.
    private func run(
        _ script: RedisScript, _ arguments: [Place: [RedisArgument]], perJob: Int,
        head: (Place) -> [RedisArgument]
    ) async throws(QueueError) -> Int {
        var sum = 0
        for (place, arguments) in arguments {
            let slice = QueueLimits.deadLettersPageMax * perJob
            for start in stride(from: 0, to: arguments.count, by: slice) {
                let part = head(place) + arguments[start..<min(start + slice, arguments.count)]
                let answer = try await context.run(script, place.queue, shard: place.shard, part)
                guard let count = answer.integer else { throw .unexpected(script) }
                sum += Int(count)
            }
        }
        return sum
    }
}
