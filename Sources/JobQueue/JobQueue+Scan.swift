import Core
import Redis

extension JobQueue {
    /// Looks at a capped part of the jobs: up to 200 of one place in one shard, or fewer when they are large.
    ///
    /// One script call, some 0.3 ms. Whoever wants more goes on with ``JobPage/next``; what moves meanwhile may be seen twice
    /// or not at all.
    /// - Parameters:
    ///   - cursor: where the last page ended; `nil` for the beginning. The filter must be the same.
    ///   - limit: how many jobs are looked at, 1 to 200.
    ///   - payloads: whether the jobs carry their payloads, which may be large.
    /// - Throws: ``QueueError/invalid(_:)`` for a cursor that does not belong to the filter.
    package func scan(
        _ filter: JobFilter, after cursor: JobCursor? = nil, limit: Int = QueueLimits.deadLettersPageMax,
        payloads: Bool = false
    ) async throws(QueueError) -> JobPage {
        if let cursor { try check(cursor, filter) }
        guard let cursor = cursor ?? first(of: filter) else { return .empty }
        let bounds = cursor.place == .dead ? [filter.since, filter.until] : [nil, nil]
        let arguments: [RedisArgument] =
            [
                .string(cursor.place.rawValue), .string(cursor.marks[0]), .string(cursor.marks[1]),
                RedisArgument(min(max(1, limit), QueueLimits.deadLettersPageMax)),
                RedisArgument(QueueLimits.scanBytesMax), payloads ? "1" : "0",
            ] + bounds.map { $0.map { .integer($0.rawValue) } ?? "" }
        let answer = try await context.run(QueueScript.scan, cursor.queue, shard: cursor.shard, arguments)
        guard let page = ScanAnswer(answer, cursor) else { throw .unexpected(QueueScript.scan) }
        for job in page.unreadable { context.reportUnreadable(job, cursor.queue) }
        var jobs: [StoredJob] = []
        var lastUnmatched: StoredJob?
        for job in page.jobs { if filter.matches(job) { jobs.append(job) } else { lastUnmatched = job } }
        return JobPage(
            jobs: jobs, seen: page.jobs.count, next: page.next ?? after(cursor, filter), now: page.now,
            lastUnmatched: lastUnmatched, isPlaceUnfinished: page.next != nil)
    }

    private func shards(_ filter: JobFilter) -> Range<Int> {
        guard let key = filter.shardKey else { return 0..<configuration.shardCount }
        let shard = configuration.shard(of: key)
        return shard..<shard + 1
    }

    private func check(_ cursor: JobCursor, _ filter: JobFilter) throws(QueueError) {
        guard filter.queues.contains(cursor.queue), filter.places.contains(cursor.place),
            shards(filter).contains(cursor.shard)
        else { throw .invalid("the cursor \(cursor) belongs to another search: pass the same filters with it") }
    }

    private func first(of filter: JobFilter) -> JobCursor? {
        guard let queue = filter.queues.first, let place = filter.places.first else { return nil }
        return JobCursor(queue: queue, shard: shards(filter).lowerBound, place: place)
    }

    /// The beginning of the place behind a cursor's: first the shard's others, then the next shard, then the next queue.
    private func after(_ cursor: JobCursor, _ filter: JobFilter) -> JobCursor? {
        let places = filter.places.drop { $0 != cursor.place }.dropFirst()
        if let place = places.first { return JobCursor(queue: cursor.queue, shard: cursor.shard, place: place) }
        guard let place = filter.places.first else { return nil }
        let shards = shards(filter)
        if cursor.shard + 1 < shards.upperBound {
            return JobCursor(queue: cursor.queue, shard: cursor.shard + 1, place: place)
        }
        let queues = filter.queues.drop { $0 != cursor.queue }.dropFirst()
        return queues.first.map { JobCursor(queue: $0, shard: shards.lowerBound, place: place) }
    }
}

extension JobPage {
    fileprivate static var empty: JobPage {
        JobPage(
            jobs: [], seen: 0, next: nil, now: EpochMilliseconds(rawValue: 0), lastUnmatched: nil,
            isPlaceUnfinished: false)
    }
}

/// The answer of `operations/scan.lua`.
private struct ScanAnswer {
    let now: EpochMilliseconds
    /// In the same place; `nil` at its end.
    let next: JobCursor?
    private(set) var jobs: [StoredJob] = []
    private(set) var unreadable: [String] = []

    init?(_ answer: RedisValue, _ cursor: JobCursor) {
        guard let parts = answer.array, parts.count == 8, let now = parts[0].integer, let atEnd = parts[1].integer,
            let mark = parts[2].string, let second = parts[3].string, let ids = parts[4].array,
            let times = parts[5].array, let holders = parts[6].array, let records = parts[7].array,
            ids.count == times.count, ids.count == holders.count, ids.count == records.count
        else { return nil }
        self.now = EpochMilliseconds(rawValue: now)
        next =
            atEnd == 1
            ? nil
            : JobCursor(queue: cursor.queue, shard: cursor.shard, place: cursor.place, marks: [mark, second])
        for index in ids.indices {
            guard let id = ids[index].string, let time = times[index].integer, let holder = holders[index].string,
                let bytes = records[index].bytes
            else { return nil }
            let record = JobRecord(bytes)
            if record == nil { unreadable.append(id) }
            let held = holder.split(separator: " ", maxSplits: 1)
            jobs.append(
                StoredJob(
                    id: id, queue: cursor.queue, shard: cursor.shard, state: cursor.place.state(of: record),
                    record: record, time: EpochMilliseconds(rawValue: time),
                    fence: held.first.flatMap { Int64($0) }, worker: held.count == 2 ? String(held[1]) : nil,
                    isHeldBack: cursor.place == .held))
        }
    }
}
