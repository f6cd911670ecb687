import Core
import TestSupport
import Testing

@testable import Fleet
@testable import JobQueue

@Suite struct VerdictPlanTests {
    private func plan(_ results: [(job: LeasedJob, result: VerdictPlan.Result)]) -> VerdictPlan {
        var random = SeededGenerator(seed: 1)
        return VerdictPlan(results, policy: RetryPolicy(), random: &random)
    }

    @Test func eachResultHasItsVerdict() {
        let plan = plan([
            (FakeJob.job("done"), .outcome(.completed())), (FakeJob.job("later"), .outcome(.snooze(.seconds(9)))),
            (FakeJob.job("again"), .outcome(.retry(error: "e"))),
            (FakeJob.job("at"), .outcome(.retry(error: "e", after: .seconds(7)))),
            (FakeJob.job("bad"), .failed(message: "f")), (FakeJob.job("back"), .abandoned),
            (FakeJob.job("never"), .outcome(.dead(reason: "r"))),
        ])
        #expect(plan.verdicts.map(\.job.id) == ["done", "later", "again", "at", "bad", "back", "never"])
        guard case .complete = plan.verdicts[0].verdict, case .snooze(.seconds(9)) = plan.verdicts[1].verdict,
            case .retry(let drawn, "e") = plan.verdicts[2].verdict,
            case .retry(.seconds(7), "e") = plan.verdicts[3].verdict,
            case .retry(_, "f") = plan.verdicts[4].verdict, case .giveBack = plan.verdicts[5].verdict,
            case .bury("r") = plan.verdicts[6].verdict
        else {
            Issue.record("\(plan.verdicts.map(\.verdict))")
            return
        }
        #expect(drawn > .zero && drawn <= .seconds(1))
        #expect(plan.ends.map(\.end.id) == ["never"])
    }

    @Test func aRetryOfTheLastAttemptIsAnEnd() throws {
        let plan = plan([
            (FakeJob.job("a", attempt: 10), .failed(message: "why")),
            (FakeJob.job("b", attempt: 9), .failed(message: "why")),
            (FakeJob.job("c", attempt: 3, maxAttempts: 3), .outcome(.retry(error: "why", after: .seconds(5)))),
        ])
        #expect(plan.ends.map(\.end.id) == ["a", "c"])
        let end = try #require(plan.ends.first?.end)
        #expect(end.attempt == 10 && end.reason == "why" && end.state == .dead && end.payload == Array("a".utf8))
    }

    @Test func endsCanBePutOff() {
        var plan = plan([(FakeJob.job("a"), .outcome(.dead(reason: "r"))), (FakeJob.job("b"), .outcome(.completed()))])
        plan.postponeEnds(by: .giveBack)
        guard case .giveBack = plan.verdicts[0].verdict, case .complete = plan.verdicts[1].verdict else {
            Issue.record("\(plan.verdicts.map(\.verdict))")
            return
        }
        #expect(plan.ends.isEmpty)
    }

    @Test func aLongErrorIsCut() {
        let plan = plan([(FakeJob.job("a"), .failed(message: String(repeating: "é", count: 1000)))])
        guard case .retry(_, let error) = plan.verdicts[0].verdict else {
            Issue.record("no retry")
            return
        }
        #expect(error.utf8.count <= VerdictPlan.errorBytesMax && error.hasSuffix("é…"))
    }

    @Test func theBackoffGrowsIsJitteredAndEnds() {
        var random = SeededGenerator(seed: 5)
        var backoff = StoreBackoff()
        #expect(backoff.remaining(now: 0) == nil)
        var longest: Int64 = 0
        var now: Int64 = 0
        for failure in 0..<200 {
            backoff.fail(now: now, random: &random)
            let wait = backoff.remaining(now: now)?.milliseconds ?? 0
            #expect(wait >= StoreBackoff.least.milliseconds)
            #expect(wait <= max(20, min(5000, 100 << min(failure, 10))))
            longest = max(longest, wait)
            now += wait
            #expect(backoff.remaining(now: now) == nil)
        }
        #expect(longest > 2500)
        backoff.succeed()
        backoff.fail(now: now, random: &random)
        #expect(backoff.remaining(now: now)!.milliseconds <= 100)
    }

    @Test(
        arguments: [
            (0, "none"), (1999, "none"), (2000, "warning"), (59_999, "warning"), (60_000, "refusal"),
            (-70_000, "refusal"),
        ] as [(Int64, String)])
    func clocksApartAreWarnedOfAndThenRefused(_ offset: Int64, _ expected: String) {
        let host = EpochMilliseconds(rawValue: 1_000_000)
        let reading = ClockCheck.Reading(
            name: "Redis", time: EpochMilliseconds(rawValue: host.rawValue + offset), askedAt: host, answeredAt: host)
        let findings = ClockCheck(readings: [reading]).findings()
        #expect((findings.first.map { $0.isRefusal ? "refusal" : "warning" } ?? "none") == expected)
    }

    @Test func theTimeOfAskingIsNotADifference() {
        // Asked at 0, answered 10 s later by a slow network: the clock may say anything in between.
        let reading = ClockCheck.Reading(
            name: "Redis", time: EpochMilliseconds(rawValue: 5000), askedAt: EpochMilliseconds(rawValue: 0),
            answeredAt: EpochMilliseconds(rawValue: 10_000))
        #expect(ClockCheck(readings: [reading]).findings().isEmpty)
    }

    @Test func storesAreComparedWithEachOtherToo() {
        let host = EpochMilliseconds(rawValue: 1_000_000)
        let readings = [("Redis", Int64(-1500)), ("PostgreSQL", 1500)].map {
            ClockCheck.Reading(
                name: $0.0, time: EpochMilliseconds(rawValue: host.rawValue + $0.1), askedAt: host, answeredAt: host)
        }
        #expect(ClockCheck(readings: readings).findings().map(\.message).count == 1)
    }

    @Test func durabilityThatIsOffIsFound() {
        #expect(PostgresStartChecks.findings(fsync: "on", synchronousCommit: "local", fullPageWrites: "on").isEmpty)
        let all = PostgresStartChecks.findings(fsync: "off", synchronousCommit: "off", fullPageWrites: "off")
        #expect(all.count == 3 && all.allSatisfy { $0.severity == .refusal && $0.message.contains("set it to on") })
    }
}
