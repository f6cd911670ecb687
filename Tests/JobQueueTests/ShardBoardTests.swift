import Testing

@testable import JobQueue

struct ShardBoardTests {
    private func answer(
        ready: Int = 0, suspects: Int = 0, next: Duration? = nil, isPaused: Bool = false
    ) -> LeaseAnswer {
        LeaseAnswer(batch: nil, isPaused: isPaused, nextCheck: next, readyLeft: ready, suspectsLeft: suspects)
    }

    @Test func hotShardsAreAskedInTurnAndEachOnce() {
        var board = ShardBoard(shardCount: 3)
        board.heatAll()
        #expect(
            [board.takeNext(now: 0), board.takeNext(now: 0), board.takeNext(now: 0), board.takeNext(now: 0)] == [
                0, 1, 2, nil,
            ])
        board.heat(0)
        board.heat(2)
        #expect([board.takeNext(now: 0), board.takeNext(now: 0), board.takeNext(now: 0)] == [0, 2, nil])
    }

    @Test func anAnswerWithReadyJobsKeepsAShardHotUnlessItIsPaused() {
        var board = ShardBoard(shardCount: 2)
        board.note(answer(ready: 5), shard: 1, now: 0)
        #expect(board.takeNext(now: 0) == 1)
        board.note(answer(ready: 5, isPaused: true), shard: 1, now: 0)
        #expect(board.takeNext(now: 0) == nil && !board.hasWork)
    }

    @Test func suspectsComeBeforeEverythingElse() {
        var board = ShardBoard(shardCount: 3)
        board.heatAll()
        board.note(answer(suspects: 1), shard: 2, now: 0)
        #expect(board.hasSuspects)
        #expect([board.takeNext(now: 0), board.takeNext(now: 0)] == [2, 2])
        board.note(answer(), shard: 2, now: 0)
        #expect([board.takeNext(now: 0), board.takeNext(now: 0), board.takeNext(now: 0)] == [0, 1, nil])
    }

    /// Markers are popped by idle sources only: under steady load a shard that once ran empty must not wait for the others
    /// to run empty too.
    @Test func aColdShardIsAskedFromTimeToTimeWhileOthersAreHot() {
        var board = ShardBoard(shardCount: 2)
        let later = ShardBoard.unaskedMillisecondsMax
        board.heat(0)
        #expect(board.takeNext(now: later - 1) == 0)
        board.note(answer(ready: 5), shard: 0, now: later - 1)
        #expect(board.takeNext(now: later) == 1)
        board.note(answer(), shard: 1, now: later)
        #expect(board.takeNext(now: later) == 0)
        board.note(answer(ready: 5), shard: 0, now: later)
        #expect(board.takeNext(now: 2 * later - 1) == 0)
        board.note(answer(), shard: 0, now: 2 * later - 1)
        // Nothing is hot: a marker will tell.
        #expect(board.takeNext(now: 9 * later) == nil && !board.hasWork)
    }

    @Test func theEarliestCheckIsOfferedOnce() {
        var board = ShardBoard(shardCount: 3)
        #expect(board.earliestCheck == nil)
        board.note(answer(next: .milliseconds(30)), shard: 0, now: 100)
        board.note(answer(next: .milliseconds(20)), shard: 1, now: 100)
        #expect(board.earliestCheck == 120)
        #expect(board.takeDue(now: 119) == [])
        #expect(board.takeDue(now: 130) == [0, 1])
        #expect(board.takeDue(now: 130) == [])
    }
}
