import Testing

@testable import JobQueue

struct ShardBoardTests {
    private func answer(
        ready: Int = 0, suspects: Int = 0, next: Duration? = nil, isPaused: Bool = false
    ) -> LeaseAnswer {
        LeaseAnswer(batch: nil, isPaused: isPaused, nextCheck: next, readyLeft: ready, suspectsLeft: suspects)
    }

    private func group(_ board: inout ShardBoard, _ max: Int) -> [[Int]] {
        board.takeGroup(max: max).map { [$0.shard, $0.jobs] }
    }

    @Test func hotShardsAreAskedAtOnceUpToTheRoomThereIs() {
        var board = ShardBoard(shardCount: 3)
        board.heatAll()
        #expect(group(&board, 2) == [[0, 1], [1, 1]])
        board.heat(0)
        #expect(group(&board, 2) == [[2, 1], [0, 1]] && group(&board, 2).isEmpty && !board.hasWork)
    }

    /// What is known to be there is asked for, and all share the room that is left.
    @Test func eachIsAskedForWhatItHasAndAShareOfTheRest() {
        var board = ShardBoard(shardCount: 3)
        board.heat(0, ready: 5)
        board.heat(1, ready: 0)
        board.heat(2, ready: 14)
        #expect(group(&board, 40) == [[0, 11], [1, 7], [2, 20]])
        board.note(answer(ready: 500), shard: 1, now: 0)
        #expect(group(&board, 40) == [[1, 40]])
    }

    @Test func aGroupHasAtMostSoManyShards() {
        var board = ShardBoard(shardCount: 20)
        board.heatAll()
        #expect(group(&board, 100).count == ShardBoard.groupMax)
        #expect(group(&board, 100).first?.first == ShardBoard.groupMax)
    }

    /// Every shard has its turn, however much others have: also one that fills a batch alone, and those beside it.
    @Test func whoFillsABatchStandsAloneInTurn() {
        var board = ShardBoard(shardCount: 4)
        for shard in [0, 1, 3] { board.heat(shard) }
        board.note(answer(ready: 10), shard: 2, now: 0)
        #expect(group(&board, 9) == [[0, 3], [1, 3], [3, 3]])
        #expect(group(&board, 9) == [[2, 9]])
        board.note(answer(ready: 10), shard: 2, now: 0)
        board.heat(3, ready: 9)
        board.heat(0, ready: 4)
        #expect(group(&board, 9) == [[3, 9]] && group(&board, 9) == [[0, 9]] && group(&board, 9) == [[2, 9]])
    }

    @Test func anAnswerWithReadyJobsKeepsAShardHotUnlessItIsPaused() {
        var board = ShardBoard(shardCount: 2)
        board.note(answer(ready: 5), shard: 1, now: 0)
        #expect(group(&board, 9) == [[1, 9]])
        board.note(answer(ready: 5, isPaused: true), shard: 1, now: 0)
        #expect(group(&board, 9).isEmpty && !board.hasWork)
    }

    @Test func suspectsComeBeforeEverythingElseAndByThemselves() {
        var board = ShardBoard(shardCount: 3)
        board.heatAll()
        board.note(answer(suspects: 1), shard: 1, now: 0)
        board.note(answer(suspects: 1), shard: 2, now: 0)
        #expect(board.hasSuspects)
        #expect([group(&board, 9), group(&board, 9)] == [[[1, 9]], [[2, 9]]])
        board.note(answer(), shard: 1, now: 0)
        board.note(answer(), shard: 2, now: 0)
        #expect(group(&board, 9) == [[0, 9]])
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
