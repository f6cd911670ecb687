import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

/// The limits of a queue as a whole, as several workers keep them.
struct LimitedSourceTests {
    init() { Loop.startThread() }

    /// A process with a source and some lanes that work on one job at a time, and what it has out.
    @Loop private final class Process {
        let fixture: QueueFixture
        let source: LeaseSource
        private(set) var out = 0
        private(set) var done: Set<String> = []
        /// When each job was leased.
        private(set) var starts: [Int64] = []
        /// Sum of what it had out, each time it was looked at.
        private var lanes: [Task<Void, any Error>] = []
        private let onChange: @Loop () -> Void

        init(_ fixture: QueueFixture, onChange: @escaping @Loop () -> Void = {}) async throws {
            self.fixture = fixture
            self.onChange = onChange
            let connection = try await QueueFixture.connect(
                to: fixture.redis, purpose: "wake", clientName: fixture.configuration.prefix)
            source = LeaseSource(queue: fixture.queue, name: .webhooks, wakeConnection: connection)
            source.start()
        }

        func work(lanes count: Int, max: Int = 1, milliseconds: ClosedRange<Int64>) {
            for _ in 0..<count {
                lanes.append(
                    Task { @Loop in
                        while let batch = await source.next(max: max) {
                            out += batch.jobs.count
                            for _ in batch.jobs { starts.append(Loop.monotonicMilliseconds) }
                            onChange()
                            try await Loop.sleep(for: .milliseconds(Int64.random(in: milliseconds)))
                            // Counted as long as Redis may count it.
                            _ = try await fixture.queue.complete(batch.jobs)
                            out -= batch.jobs.count
                            done.formUnion(batch.jobs.map(\.id))
                        }
                    })
            }
        }

        func stop() async throws {
            source.quiet()
            for lane in lanes { try await lane.value }
            await source.stop()
        }
    }

    @Loop private func jobs(_ count: Int) -> [NewJob] {
        (0..<count).map { .test("job-\($0)", shardKey: "key-\($0)") }
    }

    @Loop private func fixture(lease: Duration = .seconds(2)) async throws -> QueueFixture {
        try await QueueFixture.make {
            $0.shardCount = 4
            $0.lease = lease
        }
    }

    /// Three workers that could work on 30 jobs at once, one of which is killed: never more than 5 are out.
    @Loop @Test func thereAreNeverMoreJobsOutThanPlacesThoughAWorkerIsKilled() async throws {
        let fixture = try await fixture()
        try await fixture.queue.setLimit(QueueLimit(places: 5), of: .webhooks)
        var processes: [Process] = []
        // A killed one: it leases what it can and is not heard of again.
        let dead = try await fixture.another()
        let connection = try await QueueFixture.connect(to: fixture.redis, purpose: "wake")
        let killed = LeaseSource(queue: dead.queue, name: .webhooks, wakeConnection: connection)
        killed.start()
        _ = try await fixture.queue.enqueue(jobs(2))
        var deadJobs = 0
        while deadJobs < 2 { deadJobs += try #require(await killed.next(max: 10)).jobs.count }
        killed.quiet()
        dead.connection.close()
        let diedAt = Loop.monotonicMilliseconds
        var peak = 0
        for _ in 0..<3 {
            processes.append(
                try await Process(try await fixture.another()) {
                    let isDead = Loop.monotonicMilliseconds - diedAt > 2000
                    let out = processes.reduce(isDead ? 0 : 2) { $0 + $1.out }
                    peak = max(peak, out)
                    #expect(out <= 5)
                })
        }
        _ = try await fixture.queue.enqueue(jobs(120))
        for process in processes { process.work(lanes: 10, milliseconds: 5...30) }
        try await eventually(within: .seconds(20)) {
            processes.reduce(into: Set()) { $0.formUnion($1.done) }.count == 120
        }
        #expect(peak == 5)
        for process in processes { try await process.stop() }
        // Who has stopped has given back what it had.
        try await eventually {
            try await fixture.queue.limit(of: .webhooks)?.processes.allSatisfy { $0.places == 0 } ?? false
        }
    }

    @Loop @Test func workersShareThePlacesByTheirWeights() async throws {
        let fixture = try await fixture()
        try await fixture.queue.setLimit(QueueLimit(places: 9), of: .webhooks)
        _ = try await fixture.queue.enqueue(jobs(2000))
        let light = try await Process(try await fixture.another { $0.weight = 1 })
        let heavy = try await Process(try await fixture.another { $0.weight = 2 })
        light.work(lanes: 20, milliseconds: 10...20)
        // The one that comes later gets its part as well, job by job.
        try await eventually { light.out == 9 }
        heavy.work(lanes: 20, milliseconds: 10...20)
        try await eventually { heavy.out == 6 && light.out == 3 }
        let (before, beforeLight) = (heavy.done.count, light.done.count)
        try await eventually { heavy.done.count + light.done.count - before - beforeLight > 400 }
        let ratio = Double(heavy.done.count - before) / Double(light.done.count - beforeLight)
        #expect((1.3...3).contains(ratio))
        try await heavy.stop()
        // What one does not want the other gets.
        try await eventually { light.out == 9 }
        try await light.stop()
    }

    @Loop @Test func aLimitIsSetAndLiftedWhileWorkersWork() async throws {
        let fixture = try await fixture(lease: .milliseconds(1500))
        _ = try await fixture.queue.enqueue(jobs(3000))
        let one = try await Process(try await fixture.another())
        let other = try await Process(try await fixture.another())
        one.work(lanes: 8, milliseconds: 10...15)
        other.work(lanes: 8, milliseconds: 10...15)
        try await eventually { one.out + other.out > 10 }
        try await fixture.queue.setLimit(QueueLimit(places: 3), of: .webhooks)
        // Half a lease later each has said what it has, and places are given.
        let began = Loop.monotonicMilliseconds
        try await eventually { Loop.monotonicMilliseconds - began > 750 }
        try await eventually { (1...3).contains(one.out + other.out) }
        let done = one.done.count + other.done.count
        try await eventually {
            #expect(one.out + other.out <= 3)
            return Loop.monotonicMilliseconds - began > 1000
        }
        #expect(one.done.count + other.done.count > done)
        try await fixture.queue.setLimit(nil, of: .webhooks)
        try await eventually { one.out + other.out > 10 }
        try await one.stop()
        try await other.stop()
    }

    /// A place for one, and a job of it that nobody ends: the others wait in their list, and nobody fetches them in vain.
    @Loop @Test func aJobOverTheLimitStaysWhereItWaits() async throws {
        let fixture = try await fixture(lease: .seconds(60))
        try await fixture.queue.setLimit(QueueLimit(places: 1), of: .webhooks)
        _ = try await fixture.connection.command(
            ["HDEL", .string(fixture.queue.context.keys.limits(.webhooks)), "hold"])
        _ = try await fixture.queue.enqueue(jobs(40))
        let one = try await Process(try await fixture.another())
        let batch = try #require(await one.source.next(max: 10))
        #expect(batch.jobs.count == 1)
        let other = try await Process(try await fixture.another())
        let waiting = Task { @Loop in await other.source.next(max: 10) }
        try await eventually { try await fixture.queue.limit(of: .webhooks)?.processes.count == 2 }
        try await eventually { try await fixture.isBlocked(count: 1) }
        #expect(try await fixture.queue.stats(.webhooks).sum.leased == 1)
        #expect(try await fixture.queue.stats(.webhooks).sum.ready == 39)
        let fences = try await fences(fixture)
        _ = try await fixture.queue.enqueue(.test("late", shardKey: "x"))
        try await eventually { try await fixture.isBlocked(count: 1) }
        #expect(try await self.fences(fixture) == fences)
        // When the place is free, who waits for it gets it.
        _ = try await one.fixture.queue.complete(batch.jobs)
        #expect(try #require(await waiting.value).jobs.count == 1)
        await one.source.stop()
        await other.source.stop()
    }

    /// Leases there were, of all shards.
    @Loop private func fences(_ fixture: QueueFixture) async throws -> [String?] {
        var fences: [String?] = []
        for shard in 0..<4 {
            fences.append(
                try await fixture.connection.command(["HGET", fixture.key("meta", shard: shard), "fence"])
                    .string)
        }
        return fences
    }

    /// One start each 20 ms and 3 at once after a rest, over two workers: no window has more, and they are not slower.
    @Loop @Test func aRateHoldsOverAllWorkers() async throws {
        let fixture = try await fixture()
        try await fixture.queue.setLimit(
            QueueLimit(rate: KeyLimit.Rate(50, per: .seconds(1), burst: 3)), of: .webhooks)
        _ = try await fixture.queue.enqueue(jobs(90))
        let processes = [
            try await Process(try await fixture.another()),
            try await Process(try await fixture.another()),
        ]
        for process in processes { process.work(lanes: 6, max: 4, milliseconds: 1...5) }
        try await eventually { processes.reduce(0) { $0 + $1.done.count } == 90 }
        let starts = processes.flatMap(\.starts).sorted()
        // Of any 30 that follow each other the first and the last are 26 intervals apart; a busy machine may tell some late.
        for index in 29..<starts.count { #expect(starts[index] - starts[index - 29] >= 26 * 20 - 300) }
        #expect(try #require(starts.last) - starts[0] >= 86 * 20 - 300)
        for process in processes { try await process.stop() }
    }
}
