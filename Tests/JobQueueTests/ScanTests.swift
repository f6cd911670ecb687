import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

/// Looking for jobs, place after place, and walking through dead letters while they go.
struct ScanTests {
    init() { Loop.startThread() }

    @Loop private func all(
        _ fixture: QueueFixture, _ filter: JobFilter, limit: Int = 7
    ) async throws -> (jobs: [StoredJob], pages: Int, seen: Int) {
        var jobs: [StoredJob] = []
        var (pages, seen) = (0, 0)
        var cursor: JobCursor?
        repeat {
            let page = try await fixture.queue.scan(filter, after: cursor, limit: limit)
            #expect(page.seen <= limit)
            jobs += page.jobs
            pages += 1
            seen += page.seen
            // Through its text, as people pass it on.
            cursor = page.next.flatMap { JobCursor($0.description) }
            #expect(cursor == page.next)
        } while cursor != nil
        return (jobs, pages, seen)
    }

    /// Jobs in every state: 20 ready of each priority, 20 scheduled of each, 20 leased, 20 dead, a suspect.
    @Loop private func busy() async throws -> QueueFixture {
        let short = try await QueueFixture.make {
            $0.shardCount = 2
            $0.lease = .milliseconds(40)
        }
        func jobs(_ name: String, delay: Duration = .zero) -> [NewJob] {
            (0..<20).map { .test("\(name)-\($0)", delay: delay, shardKey: "key-\($0)") }
        }
        _ = try await short.queue.enqueue(.test("suspect"))
        let shard = short.configuration.shard(of: "key")
        try await short.abandon(try await short.queue.lease(.webhooks, shard: shard, max: 1, mayTakeAlone: true).batch)
        try await eventually { try await short.queue.tick(.webhooks, shard: shard).suspectsLeft == 1 }
        // Nothing else shall expire while it is looked at.
        let fixture = try await short.another {
            $0.lease = .seconds(60)
            $0.workerName = "worker-1"
        }
        _ = try await fixture.queue.enqueue(jobs("dead") + jobs("leased"))
        for shard in 0..<2 {
            while let batch = try await fixture.queue.lease(.webhooks, shard: shard, max: 100, mayTakeAlone: false)
                .batch
            {
                _ = try await fixture.queue.settle(
                    batch.jobs.filter { $0.id.hasPrefix("dead") }.map { (job: $0, verdict: .bury(reason: "no use")) })
            }
        }
        for band in PriorityBand.allCases {
            for job in jobs("ready-\(band)") + jobs("scheduled-\(band)", delay: .seconds(600)) {
                var job = job
                job.priority = band
                _ = try await fixture.queue.enqueue(job)
            }
        }
        return fixture
    }

    @Loop @Test func everyJobIsSeenOnceInItsState() async throws {
        let fixture = try await busy()
        var filter = JobFilter()
        filter.queues = [.webhooks]
        let (jobs, pages, seen) = try await all(fixture, filter)
        #expect(jobs.count == 201 && seen == 201 && Set(jobs.map(\.id)).count == 201 && pages > 20)
        for job in jobs where job.id != "suspect" { #expect(job.id.hasPrefix(job.state.rawValue), "\(job.id)") }
        #expect(jobs.allSatisfy { $0.kind == "test.v1" && $0.payload.isEmpty && $0.enqueuedAt != nil })
        let leased = jobs.filter { $0.state == .leased }
        #expect(leased.count == 20 && leased.allSatisfy { $0.worker == "worker-1" && $0.fence != nil })
        #expect(jobs.filter { $0.state == .scheduled }.allSatisfy { $0.dueAt != nil })
        for (state, count) in [(JobState.ready, 81), (.scheduled, 80), (.leased, 20), (.dead, 20), (.quarantined, 0)] {
            let isOne = filter.only(state)
            #expect(isOne)
            #expect(try await all(fixture, filter).jobs.count == count, "\(state)")
        }
        for state in [JobState.live, .cancelled, .expired] {
            let isOne = filter.only(state)
            #expect(!isOne, "\(state)")
        }
    }

    @Loop @Test func jobsBehindTheirOrderKeysHeadAreSeen() async throws {
        let fixture = try await QueueFixture.make()
        let jobs = (0..<20).map { number in
            var job = NewJob.test("job-\(number)")
            job.orderKey = "customer-7"
            return job
        }
        _ = try await fixture.queue.enqueue(jobs)
        var filter = JobFilter()
        filter.queues = [.webhooks]
        let found = try await all(fixture, filter).jobs
        #expect(found.map(\.id) == jobs.map(\.id) && found.allSatisfy { $0.state == .ready && $0.orderKey != nil })
    }

    @Loop @Test func filtersLetPassWhatTheySay() async throws {
        let fixture = try await busy()
        var filter = JobFilter()
        filter.errorContains = "no use"
        #expect(try await all(fixture, filter).jobs.map(\.id).allSatisfy { $0.hasPrefix("dead-") })
        filter = JobFilter()
        filter.idPrefix = "ready-low-1"
        #expect(try await all(fixture, filter).jobs.count == 11)
        filter.kind = "other.v1"
        #expect(try await all(fixture, filter).jobs.isEmpty)
        filter = JobFilter()
        filter.queues = [.clicks, .webhooks]
        filter.shardKey = "key-3"
        let shard = fixture.configuration.shard(of: "key-3")
        #expect(try await all(fixture, filter).jobs.allSatisfy { $0.shard == shard })
        filter = .deadLetters
        let died = try #require(try await all(fixture, filter).jobs.compactMap(\.diedAt).min())
        filter.since = died + .seconds(60)
        #expect(try await all(fixture, filter).seen == 0)
        filter.since = nil
        filter.until = died - .milliseconds(1)
        #expect(try await all(fixture, filter).seen == 0)
    }

    @Loop @Test func payloadsAreWantedOrNot() async throws {
        let fixture = try await QueueFixture.make()
        var job = NewJob.test("a", payload: "the payload")
        job.lifetime = .seconds(60)
        _ = try await fixture.queue.enqueue([job, .test("b", payload: "another")])
        let filter = JobFilter()
        let without = try await all(fixture, filter).jobs
        #expect(without.map(\.payload) == [[], []] && without[0].deadline != nil && without[0].kind == "test.v1")
        var cursor: JobCursor?
        var payloads: [String] = []
        repeat {
            let page = try await fixture.queue.scan(filter, after: cursor, payloads: true)
            payloads += page.jobs.map { String(decoding: $0.payload, as: UTF8.self) }
            cursor = page.next
        } while cursor != nil
        #expect(payloads == ["the payload", "another"])
    }

    @Loop @Test func largeJobsEndALookEarlyAndNoneIsMissed() async throws {
        let fixture = try await QueueFixture.make()
        let large = String(repeating: "x", count: 100_000)
        _ = try await fixture.queue.enqueue((0..<10).map { .test("job-\($0)", payload: large) })
        var filter = JobFilter()
        filter.queues = [.webhooks]
        filter.places = [.ready]
        let page = try await fixture.queue.scan(filter, limit: 200)
        #expect(page.seen == 2)
        #expect(try await all(fixture, filter, limit: 200).jobs.map(\.id) == (0..<10).map { "job-\($0)" })
    }

    @Loop @Test func aCursorOfAnotherSearchIsRefused() async throws {
        let fixture = try await QueueFixture.make()
        var filter = JobFilter()
        filter.queues = [.clicks]
        let cursor = try #require(JobCursor("webhooks/0/dead/1762165800000/job-1"))
        await #expect(throws: QueueError.self) { try await fixture.queue.scan(filter, after: cursor) }
        for text in [
            "", "webhooks/0/dead", "webhooks/0/dead/x/id", "webhooks/-1/dead//", "none/0/dead//",
            "webhooks/0/nowhere//",
            "webhooks/0/scheduled/1/~9id", "webhooks/0/dead//id",
        ] { #expect(JobCursor(text) == nil, "\(text)") }
    }

    // MARK: Dead letters that go meanwhile

    @Loop private func dead(_ count: Int, reason: (String) -> String) async throws -> QueueFixture {
        let fixture = try await QueueFixture.make { $0.shardCount = 2 }
        _ = try await fixture.queue.enqueue((0..<count).map { .test("job-\($0)", shardKey: "key-\($0)") })
        try await bury(fixture, reason: reason)
        return fixture
    }

    /// All that is ready, whole batches in one moment: many share their time of death.
    @Loop private func bury(_ fixture: QueueFixture, reason: (String) -> String) async throws {
        for shard in 0..<2 {
            while let batch = try await fixture.queue.lease(.webhooks, shard: shard, max: 500, mayTakeAlone: true).batch
            {
                _ = try await fixture.queue.settle(batch.jobs.map { (job: $0, verdict: .bury(reason: reason($0.id))) })
            }
        }
    }

    @Loop @Test func aWalkMissesNoneOfThoseThatStayAndRepeatsNoneOfThoseThatGo() async throws {
        let fixture = try await dead(3000) { $0.hasSuffix("7") || $0.hasSuffix("3") ? "wanted" : "other" }
        var filter = JobFilter.deadLetters
        filter.errorContains = "wanted"
        let walk = DeadLetterWalk(fixture.queue, filter)
        var moved = 0
        var ids: Set<String> = []
        var last = 0
        while let jobs = try await walk.next(movedAway: last) {
            for job in jobs { if !ids.insert(job.id).inserted { Issue.record("\(job.id) came twice") } }
            last = try await fixture.queue.redrive(jobs)
            moved += last
        }
        #expect(moved == 600 && ids.count == 600 && walk.seen == 3000)
        let left = try await fixture.queue.stats(.webhooks).sum
        #expect(left.dead == 2400 && left.ready == 600)
    }

    @Loop @Test func aWalkEndsThoughItsJobsDieAgain() async throws {
        let fixture = try await dead(900) { _ in "poison" }
        let walk = DeadLetterWalk(fixture.queue, .deadLetters)
        var last = 0
        var redriven = 0
        while let jobs = try await walk.next(movedAway: last) {
            last = try await fixture.queue.redrive(jobs)
            redriven += last
            try await tick(fixture)
            try await bury(fixture) { _ in "poison again" }
        }
        #expect(redriven == 900)
        #expect(try await fixture.queue.stats(.webhooks).sum.dead == 900)
    }

    /// Until Redis' clock has gone on, so that what dies now died later than the walk began.
    @Loop private func tick(_ fixture: QueueFixture) async throws {
        let begin = try await fixture.queue.scan(.deadLetters, limit: 1).now
        try await eventually { try await fixture.queue.scan(.deadLetters, limit: 1).now > begin }
    }
}
