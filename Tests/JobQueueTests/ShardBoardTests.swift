import Testing

@testable import JobQueue

struct ShardBoardTests {
    private func answer(
        ready: Int = 0, suspects: Int = 0, next: Duration? = nil, isPaused: Bool = false
    ) -> LeaseAnswer {
        LeaseAnswer(batch: nil, isPaused: isPaused, nextCheck: next, readyLeft: ready, suspectsLeft: suspects)
    }

    @Test func allHotShardsAreAskedAtOnceUpToTheRoomThereIs() {
        var board = ShardBoard(shardCount: 3)
        board.heatAll()
        #expect(board.takeGroup(max: 2) == [0, 1])
        board.heat(0)
        #expect(board.takeGroup(max: 2) == [2, 0] && board.takeGroup(max: 2).isEmpty && !board.hasWork)
    }

    /// Every shard has its turn, however much others have: also one that fills a batch alone, and those beside it.
    @Test func whoFillsABatchStandsAloneInTurn() {
        var board = ShardBoard(shardCount: 4)
        for shard in [0, 1, 3] { board.heat(shard) }
        board.note(answer(ready: 10), shard: 2, now: 0)
        #expect(board.takeGroup(max: 10) == [0, 1, 3])
        for shard in [0, 1, 3] { board.note(answer(ready: 9), shard: shard, now: 0) }
        #expect(board.takeGroup(max: 10) == [2])
        board.note(answer(ready: 10), shard: 2, now: 0)
        #expect(board.takeGroup(max: 10) == [3, 0, 1] && board.takeGroup(max: 10) == [2])
        board.note(answer(ready: 9), shard: 2, now: 0)
        board.heat(0)
        #expect(board.takeGroup(max: 10) == [0, 2])
    }

    @Test func anAnswerWithReadyJobsKeepsAShardHotUnlessItIsPaused() {
        var board = ShardBoard(shardCount: 2)
        board.note(answer(ready: 5), shard: 1, now: 0)
        #expect(board.takeGroup(max: 9) == [1])
        board.note(answer(ready: 5, isPaused: true), shard: 1, now: 0)
        #expect(board.takeGroup(max: 9).isEmpty && !board.hasWork)
    }

    @Test func suspectsComeBeforeEverythingElseAndByThemselves() {
        var board = ShardBoard(shardCount: 3)
        board.heatAll()
        board.note(answer(suspects: 1), shard: 1, now: 0)
        board.note(answer(suspects: 1), shard: 2, now: 0)
        #expect(board.hasSuspects)
        #expect([board.takeGroup(max: 9), board.takeGroup(max: 9)] == [[1], [2]])
        board.note(answer(), shard: 1, now: 0)
        board.note(answer(), shard: 2, now: 0)
        #expect(board.takeGroup(max: 9) == [0])
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
