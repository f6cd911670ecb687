import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import JobQueue

/// The script behind the limits of a queue as a whole: places and starts of several processes.
struct QueueLimitTests {
    init() { Loop.startThread() }

    private struct Part {
        var isLimited: Bool
        var places: Int
        var recorded: Int
        var starts: Int
        var stamp: String
        var time: Int64
        var wait: Int64
        var hold: Int64
    }

    @Loop private func share(
        _ fixture: QueueFixture, _ process: String, weight: Int = 1, held: Int = 0, wanted: Int = 0, starts: Int = 0,
        back: Int = 0, of last: Part? = nil, run: String? = nil
    ) async throws -> Part {
        let runID = run ?? fixture.connection.serverRunID ?? ""
        let answer = try await fixture.queue.context.run(
            QueueScript.share, keys: fixture.queue.context.keys.ofLimits(.webhooks),
            [
                .string(runID), .integer(fixture.configuration.lease.milliseconds), .string(process),
                RedisArgument(weight), RedisArgument(held), RedisArgument(wanted), RedisArgument(starts),
                RedisArgument(back), .string(last?.stamp ?? ""), .integer(last?.time ?? 0),
            ])
        let numbers = try #require(answer.array)
        return Part(
            isLimited: numbers[0].integer == 1, places: Int(numbers[1].integer ?? -9),
            recorded: Int(numbers[2].integer ?? -9),
            starts: Int(numbers[3].integer ?? -9), stamp: numbers[4].string ?? "", time: numbers[5].integer ?? 0,
            wait: numbers[6].integer ?? 0, hold: numbers[7].integer ?? 0)
    }

    /// With places given at once, as half a lease after a limit was set.
    @Loop private func limited(_ limit: QueueLimit, lease: Duration = .seconds(15)) async throws -> QueueFixture {
        let fixture = try await QueueFixture.make {
            $0.shardCount = 4
            $0.lease = lease
        }
        try await fixture.queue.setLimit(limit, of: .webhooks)
        _ = try await fixture.connection.command(["HDEL", limits(fixture), "hold"])
        return fixture
    }

    @Loop private func limits(_ fixture: QueueFixture) -> RedisArgument {
        .string(fixture.queue.context.keys.limits(.webhooks))
    }

    @Loop @Test func aLimitIsSetReadChangedAndLifted() async throws {
        let fixture = try await QueueFixture.make { $0.shardCount = 4 }
        #expect(try await fixture.queue.limit(of: .webhooks) == nil)
        #expect(try await !fixture.queue.glance([.webhooks, .clicks])[0].isLimited)
        try await fixture.queue.setLimit(QueueLimit(places: 7), of: .webhooks)
        #expect(try await fixture.queue.glance([.webhooks, .clicks]).map(\.isLimited) == [true, false])
        #expect(try await fixture.queue.limit(of: .webhooks)?.limit == QueueLimit(places: 7))
        #expect(try await fixture.queue.limit(of: .clicks) == nil)
        let rate = KeyLimit.Rate(1, per: .milliseconds(50), burst: 3)
        try await fixture.queue.setLimit(QueueLimit(places: 9, rate: rate), of: .webhooks)
        #expect(try await fixture.queue.limit(of: .webhooks)?.limit == QueueLimit(places: 9, rate: rate))
        try await fixture.queue.setLimit(QueueLimit(rate: rate), of: .webhooks)
        #expect(try await fixture.queue.limit(of: .webhooks)?.limit == QueueLimit(rate: rate))
        try await fixture.queue.setLimit(nil, of: .webhooks)
        #expect(try await fixture.queue.limit(of: .webhooks) == nil)
        #expect(try await !fixture.queue.glance([.webhooks])[0].isLimited)
        #expect(try await !share(fixture, "a", held: 3, wanted: 5).isLimited)
        #expect(try await fixture.integer("EXISTS", limits(fixture)) == 0)
    }

    @Test func aRateOfMoreThanAThousandASecondIsKeptAsItIs() {
        let short = KeyLimit.Rate(1, per: .microseconds(500))
        #expect(short.problem == nil && short.intervalMicroseconds == 500)
        let kept = QueueLimit(rate: KeyLimit.Rate(600, per: .seconds(1))).asKept
        #expect(kept.rate?.intervalMicroseconds == 1666 && kept.asKept == kept)
        #expect(KeyLimit.Rate(1, per: .nanoseconds(999)).problem != nil)
        #expect(KeyLimit.Rate(1, per: .seconds(Int64.max)).problem != nil)
    }

    @Loop
    @Test(arguments: [
        QueueLimit(), QueueLimit(places: 0), QueueLimit(places: 1_000_001),
        QueueLimit(rate: KeyLimit.Rate(0, per: .seconds(1))),
        QueueLimit(rate: KeyLimit.Rate(1, per: .seconds(1), burst: 0)),
    ])
    func aLimitThatCannotBeIsRefused(limit: QueueLimit) async throws {
        let fixture = try await QueueFixture.make()
        await #expect(throws: QueueError.self) { try await fixture.queue.setLimit(limit, of: .webhooks) }
        #expect(try await fixture.queue.limit(of: .webhooks) == nil)
    }

    @Loop @Test func placesGoToWhoWantsThemAndNoneTwice() async throws {
        let fixture = try await limited(QueueLimit(places: 10))
        #expect(try await share(fixture, "a", wanted: 30).places == 10)
        // All are taken: the second one waits, and the first may not use again what is over its part.
        #expect(try await share(fixture, "b", wanted: 30).places == 0)
        let first = try await share(fixture, "a", held: 10, wanted: 30)
        #expect(first.places == 5 && first.recorded == 10)
        #expect(try await share(fixture, "b", wanted: 30).places == 0)
        #expect(try await share(fixture, "a", held: 7, wanted: 30).recorded == 7)
        #expect(try await share(fixture, "b", wanted: 30).places == 3)
        #expect(try await share(fixture, "a", held: 5, wanted: 30).recorded == 5)
        #expect(try await share(fixture, "b", held: 3, wanted: 30).places == 5)
        // Whoever wants little leaves the rest to the other.
        #expect(try await share(fixture, "a", held: 2, wanted: 2).places == 2)
        #expect(try await share(fixture, "b", held: 5, wanted: 30).places == 8)
        let use = try #require(try await fixture.queue.limit(of: .webhooks))
        #expect(use.processes.map(\.name) == ["a", "b"] && use.processes.map(\.places) == [2, 8])
        #expect(use.processes.map(\.wanted) == [2, 30])
        // Nothing is left of who has and wants nothing.
        #expect(try await share(fixture, "a").recorded == 0)
        #expect(try await fixture.queue.limit(of: .webhooks)?.processes.map(\.name) == ["b"])
        #expect(try await share(fixture, "b", held: 8, wanted: 30).places == 10)
    }

    @Loop @Test func weightsDivideThePlaces() async throws {
        let fixture = try await limited(QueueLimit(places: 12))
        // Each asks until nothing changes.
        var places = [0, 0, 0]
        for _ in 0..<4 {
            for (index, weight) in [1, 2, 3].enumerated() {
                places[index] = try await share(
                    fixture, "p\(index)", weight: weight, held: 0, wanted: 50
                ).places
            }
        }
        #expect(places == [2, 4, 6])
    }

    @Loop @Test func manyProcessesNeverHaveMoreThanThePlaces() async throws {
        var random = SeededGenerator(seed: SeededGenerator.seedOfThisRun)
        let fixture = try await limited(QueueLimit(places: 7))
        var held = Array(repeating: 0, count: 6)
        var own = held
        for _ in 0..<1500 {
            let process = Int.random(in: 0..<6, using: &random)
            if Bool.random(using: &random) { held[process] = Int.random(in: 0...held[process], using: &random) }
            let wanted = held[process] + Int.random(in: 0...9, using: &random)
            let part = try await share(
                fixture, "p\(process)", weight: process + 1, held: held[process], wanted: wanted)
            own[process] = part.recorded
            #expect(part.places <= part.recorded && part.recorded >= held[process])
            #expect(own.reduce(0, +) <= 7)
            held[process] = max(held[process], min(wanted, part.places))
        }
    }

    @Loop @Test func thePlacesOfADeadProcessAreFreeAfterItsLease() async throws {
        let fixture = try await limited(QueueLimit(places: 3), lease: .milliseconds(300))
        let died = Loop.monotonicMilliseconds
        #expect(try await share(fixture, "dead", held: 3, wanted: 3).places == 3)
        try await eventually { try await share(fixture, "alive", wanted: 3).places == 3 }
        // A lease, and two renewals: its leases have all ended by then.
        #expect(Loop.monotonicMilliseconds - died >= 500)
    }

    @Loop @Test func nobodyFallsOutWhileNobodyIsThere() async throws {
        let fixture = try await limited(QueueLimit(places: 3), lease: .milliseconds(300))
        #expect(try await share(fixture, "a", held: 3, wanted: 3).places == 3)
        let began = Loop.monotonicMilliseconds
        try await eventually { Loop.monotonicMilliseconds - began > 600 }
        // All stood still: the first one back does not get what the other has.
        #expect(try await share(fixture, "b", wanted: 3).places == 0)
        #expect(try await share(fixture, "a", held: 3, wanted: 3).recorded == 3)
    }

    @Loop @Test func afterARestartEachSaysWhatItHasBeforePlacesAreGiven() async throws {
        let fixture = try await limited(QueueLimit(places: 5), lease: .seconds(2))
        #expect(try await share(fixture, "a", wanted: 5).places == 5)
        // What was written of it is lost, and Redis is another run.
        _ = try await fixture.connection.command(["HDEL", limits(fixture), "p a"])
        let early = try await share(fixture, "b", wanted: 5, run: "another")
        #expect(early.places == 0 && (1...1000).contains(early.hold))
        #expect(try await share(fixture, "a", held: 4, wanted: 4, run: "another").recorded == 4)
        try await eventually {
            #expect(try await share(fixture, "a", held: 4, wanted: 4, run: "another").recorded == 4)
            return try await share(fixture, "b", wanted: 5, run: "another").places == 1
        }
        #expect(try await share(fixture, "a", held: 4, wanted: 4, run: "another").recorded == 4)
    }

    @Loop @Test func aNewLimitGivesPlacesWhenAllHaveSaidWhatTheyHave() async throws {
        let fixture = try await QueueFixture.make { $0.lease = .seconds(2) }
        try await fixture.queue.setLimit(QueueLimit(places: 4), of: .webhooks)
        #expect(try await share(fixture, "a", wanted: 4).places == 0)
        #expect(try await share(fixture, "b", held: 9, wanted: 9).recorded == 9)
        try await eventually {
            #expect(try await share(fixture, "b", held: 9, wanted: 9).recorded == 9)
            return try await share(fixture, "a", wanted: 4).hold == 0
        }
        #expect(try await share(fixture, "a", wanted: 4).places == 0)
        // Lowered or raised later it holds at once.
        try await fixture.queue.setLimit(QueueLimit(places: 11), of: .webhooks)
        #expect(try await share(fixture, "a", wanted: 4).places == 2)
    }

    @Loop @Test func whoWaitsForPlacesIsCalled() async throws {
        let fixture = try await limited(QueueLimit(places: 2))
        let wake = RedisArgument.string(fixture.queue.context.keys.ofLimits(.webhooks)[1])
        #expect(try await share(fixture, "a", wanted: 2).places == 2)
        _ = try await fixture.connection.command(["DEL", wake])
        // Nobody waits.
        _ = try await share(fixture, "a", held: 1, wanted: 1)
        #expect(try await fixture.integer("EXISTS", wake) == 0)
        #expect(try await share(fixture, "b", wanted: 2).places == 1)
        #expect(try await fixture.integer("EXISTS", wake) == 0)
        _ = try await share(fixture, "a")
        #expect(try await fixture.integer("EXISTS", wake) == 1)
    }

    /// Every window of time holds no more starts than the rate and the burst allow, whoever makes them and whatever is given
    /// back; and nobody waits longer than that takes.
    @Loop @Test func theRateIsThatOfACellHoweverManyAsk() async throws {
        var random = SeededGenerator(seed: SeededGenerator.seedOfThisRun)
        let (interval, burst) = (Int64(4000), 5)
        let fixture = try await limited(
            QueueLimit(rate: KeyLimit.Rate(1, per: .microseconds(interval), burst: burst)))
        var used: [Int64] = []
        var last: [String: Part] = [:]
        var back: [String: Int] = [:]
        // Where the next start is counted: no promise is later than one interval a start behind it.
        var promised: Int64 = 0
        for _ in 0..<700 {
            let process = "p\(Int.random(in: 0..<4, using: &random))"
            let part = try await share(
                fixture, process, wanted: 9, starts: Int.random(in: 1...9, using: &random), back: back[process] ?? 0,
                of: last[process])
            #expect(part.starts <= max(burst, 9) && part.places == -1 && part.recorded == 0)
            // Whoever asks is promised some that are near.
            #expect(part.starts > 0 || part.wait > 980_000)
            if part.starts > 0, part.wait > 0 {
                #expect(part.time + part.wait <= promised + Int64(part.starts - burst) * interval + 1)
            }
            promised = max(promised, part.time + part.wait + Int64(burst) * interval)
            last[process] = part
            // Some are not used, as when a lease brings less than it may.
            let unused =
                Int.random(in: 0..<4, using: &random) == 0 ? Int.random(in: 0...part.starts, using: &random) : 0
            back[process] = unused
            used += Array(repeating: part.time + part.wait, count: part.starts - unused)
        }
        used.sort()
        for (index, time) in used.enumerated() {
            for earlier in used[..<index].indices {
                // The time of a promise is rounded up to a whole microsecond.
                #expect(Int64(index - earlier + 1 - burst) * interval <= time - used[earlier] + 1)
            }
        }
    }

    /// What has passed since starts were granted is others' already: only the rest can be given back.
    @Loop @Test func startsThatComeBackLateCountForLess() async throws {
        let interval = Int64(40_000)
        let fixture = try await limited(
            QueueLimit(rate: KeyLimit.Rate(1, per: .microseconds(interval), burst: 5)))
        let first = try await share(fixture, "a", wanted: 5, starts: 5)
        #expect(first.starts == 5)
        // One of them is used, and others start when three more could.
        let began = Loop.monotonicMilliseconds
        try await eventually { Loop.monotonicMilliseconds - began > 3 * interval / 1000 + 10 }
        let other = try await share(fixture, "b", wanted: 1, starts: 1)
        #expect(other.starts == 1)
        let last = try await share(fixture, "a", wanted: 9, starts: 9, back: 4, of: first)
        #expect(last.starts >= 1 && Int64(1 + last.starts - 5) * interval <= last.time - other.time)
    }

    @Loop @Test func anIdleLimitWritesNothing() async throws {
        let redis = try await PrivateRedis.start()
        defer { redis.stop() }
        let fixture = try await QueueFixture.make(on: redis)
        try await fixture.queue.setLimit(QueueLimit(places: 3, rate: KeyLimit.Rate(5, per: .seconds(1))), of: .webhooks)
        _ = try await share(fixture, "a", wanted: 1, starts: 1)
        _ = try await share(fixture, "a")
        let writes = try await fixture.writes()
        for _ in 0..<5 { _ = try await share(fixture, "a") }
        #expect(try await fixture.writes() == writes)
    }
}
