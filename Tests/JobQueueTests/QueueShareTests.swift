import Testing

@testable import JobQueue

struct QueueShareTests {
    private func limited(places: Int? = nil, recorded: Int? = nil, starts: Int? = nil, wait: Int64 = 0) -> QueueShare {
        var share = QueueShare(leaseMilliseconds: 3000)
        let isNew = share.noteLook(isLimited: true)
        #expect(isNew)
        share.demand = 100
        _ = share.question(held: 0, now: 0)
        share.take(
            QueueShare.Answer(
                places: places, recorded: recorded ?? places ?? 0, starts: starts, stamp: starts == nil ? "" : "7",
                timeMicroseconds: 5, startsWait: wait),
            askedAt: 0, now: 0, held: 0, runID: "run")
        return share
    }

    @Test func withoutLimitsAnyNumberIsFree() {
        var share = QueueShare(leaseMilliseconds: 3000)
        #expect(share.allow(500, held: 10_000, runID: nil, now: 0) == .free(500))
        let isNew = share.noteLook(isLimited: false)
        #expect(!isNew)
        #expect(!share.hasToGiveBack(held: 5, now: 0))
    }

    @Test func whoHearsOfALimitAsksBeforeItLeases() {
        var share = QueueShare(leaseMilliseconds: 3000)
        let isNew = share.noteLook(isLimited: true)
        #expect(isNew)
        #expect(share.allow(5, held: 0, runID: "run", now: 0) == .ask)
        _ = share.question(held: 3, now: 0)
        #expect(share.allow(5, held: 0, runID: "run", now: 0) == .wait(until: .max))
    }

    @Test func placesAreUsedAgainAndCountWhatIsHeldUnderWayOrInDoubt() {
        var share = limited(places: 10)
        #expect(share.allow(100, held: 0, runID: "run", now: 1) == .free(10))
        let grant = share.begin(6)
        #expect(share.allow(100, held: 0, runID: "run", now: 1) == .free(4))
        share.end(grant, got: 5, inDoubt: 0, now: 2)
        #expect(share.allow(100, held: 5, runID: "run", now: 2) == .free(5))
        let lost = share.begin(5)
        share.end(lost, got: 0, inDoubt: 5, now: 3)
        #expect(share.allow(100, held: 5, runID: "run", now: 4) == .ask)
        #expect(share.allow(100, held: 3, runID: "run", now: 4) == .free(2))
        let question = share.question(held: 3, now: 4)
        #expect(question.held == 8)
        // After a lease whatever was leased then is Redis' again.
        #expect(share.out(held: 3, now: 3003) == 3)
    }

    @Test func whoStoodStillOrMeetsAnotherRedisAsksAgain() {
        let share = limited(places: 10)
        #expect(share.allow(1, held: 0, runID: "run", now: 1500) == .free(1))
        #expect(share.allow(1, held: 0, runID: "run", now: 1501) == .ask)
        #expect(share.allow(1, held: 0, runID: "another", now: 10) == .ask)
    }

    @Test func whoIsRefusedAsksAgainAfterATimeOnly() {
        var share = limited(places: 0)
        #expect(share.allow(1, held: 0, runID: "run", now: 10) == .wait(until: 1000))
        #expect(share.allow(1, held: 0, runID: "run", now: 1000) == .ask)
        _ = share.question(held: 0, now: 1000)
        share.fail(now: 1010, wait: 50)
        #expect(share.allow(1, held: 0, runID: "run", now: 1020) == .wait(until: 1060))
        #expect(share.allow(1, held: 0, runID: "run", now: 1060) == .ask)
    }

    @Test func whoIsCalledAsksAtOnce() {
        var share = limited(places: 0)
        #expect(share.allow(1, held: 0, runID: "run", now: 10) == .wait(until: 1000))
        let isCalled = share.recall(now: 10)
        #expect(isCalled && share.allow(1, held: 0, runID: "run", now: 10) == .ask)
        let again = share.recall(now: 10)
        #expect(!again)
        // A rate is not quicker for a call.
        var early = limited(starts: 0, wait: 500_000)
        let isEarly = early.recall(now: 10)
        #expect(!isEarly)
    }

    @Test func whoeverKnowsOfALimitIsHeardOfFromTimeToTime() {
        let share = limited(places: 3)
        #expect(!share.isSilent(now: 749) && share.isSilent(now: 750))
        #expect(!QueueShare(leaseMilliseconds: 3000).isSilent(now: 9000))
    }

    @Test func startsAreUsedUpAndWhatIsLeftGoesBack() {
        var share = limited(starts: 5)
        #expect(share.allow(100, held: 900, runID: "run", now: 1) == .free(5))
        let grant = share.begin(5)
        #expect(share.allow(100, held: 0, runID: "run", now: 1) == .ask)
        share.end(grant, got: 2, inDoubt: 0, now: 2)
        let question = share.question(held: 2, now: 2)
        #expect(
            question
                == QueueShare.Question(held: 2, wanted: 102, starts: 100, back: 3, stamp: "7", timeMicroseconds: 5))
        // A lease of an earlier answer says nothing about the starts of a later one.
        let old = share.begin(0)
        share.take(
            QueueShare.Answer(starts: 1, stamp: "9"), askedAt: 2, now: 3, held: 2, runID: "run")
        share.end(old, got: 0, inDoubt: 0, now: 3)
        let next = share.question(held: 2, now: 3)
        #expect(next.back == 1)
    }

    @Test func startsThatArePromisedAheadAreWaitedFor() {
        let share = limited(starts: 2, wait: 40_500)
        #expect(share.allow(100, held: 0, runID: "run", now: 40) == .wait(until: 41))
        #expect(share.allow(100, held: 0, runID: "run", now: 41) == .free(2))
        let refused = limited(starts: 0, wait: 2_000_000)
        #expect(refused.allow(100, held: 0, runID: "run", now: 40) == .wait(until: 2000))
        #expect(refused.allow(100, held: 0, runID: "run", now: 2000) == .ask)
    }

    @Test func whatNobodyHasAUseForIsGivenBack() {
        var share = limited(places: 10)
        #expect(!share.hasToGiveBack(held: 4, now: 0))
        share.demand = 0
        #expect(share.hasToGiveBack(held: 4, now: 0))
        #expect(!share.hasToGiveBack(held: 10, now: 0))
        var starts = limited(starts: 3)
        #expect(!starts.hasToGiveBack(held: 0, now: 0))
        starts.demand = 0
        #expect(starts.hasToGiveBack(held: 0, now: 0))
        // More is out than it may have: each end of a job gives a place back, whatever else it wants.
        let over = limited(places: 4, recorded: 10)
        #expect(!over.hasToGiveBack(held: 10, now: 0))
        #expect(over.hasToGiveBack(held: 9, now: 0))
    }
}
