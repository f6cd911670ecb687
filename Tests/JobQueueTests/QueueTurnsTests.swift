import Testing

@testable import JobQueue

struct QueueTurnsTests {
    private func shares(_ turns: inout QueueTurns, rounds: Int, batch: (Int) -> Int = { _ in 10 })
        -> [Int]
    {
        var jobs = Array(repeating: 0, count: 3)
        for _ in 0..<rounds {
            guard let index = turns.next(where: { _ in true }) else { break }
            jobs[index] += batch(index)
            turns.charge(index, batch(index))
        }
        return jobs
    }

    @Test func weightsDivideTheJobsWhateverTheBatches() {
        var turns = QueueTurns(.weighted([.clicks: 1, .commissions: 2, .webhooks: 5]))
        #expect(shares(&turns, rounds: 80) == [100, 200, 500])
        // Batches of one queue are ten times as large as those of another: the jobs count.
        var uneven = QueueTurns(.weighted([.clicks: 1, .commissions: 2, .webhooks: 5]))
        let jobs = shares(&uneven, rounds: 3000) { $0 == 0 ? 100 : 10 }
        #expect((1.9...2.1).contains(Double(jobs[1]) / Double(jobs[0])))
        #expect((4.8...5.2).contains(Double(jobs[2]) / Double(jobs[0])))
    }

    @Test func whatALeaseDidNotBringIsNotCharged() {
        var turns = QueueTurns(.weighted([.clicks: 1, .commissions: 1]))
        var first = 0
        for _ in 0..<100 {
            guard let index = turns.next(where: { $0 < 2 }) else { break }
            turns.charge(index, 100)
            // The first queue has one job at a time, the second a hundred.
            turns.charge(index, index == 0 ? 1 - 100 : 0)
            if index == 0 { first += 1 }
        }
        #expect((95...99).contains(first))
    }

    @Test func aQueueThatHadNothingSavesNothingUp() {
        var turns = QueueTurns(.weighted([.clicks: 1, .commissions: 1]))
        for _ in 0..<50 {
            let index = turns.next { $0 == 1 }
            #expect(index == 1)
            turns.charge(1, 10)
        }
        var jobs = [0, 0]
        for _ in 0..<20 {
            guard let index = turns.next(where: { _ in true }) else { break }
            jobs[index] += 10
            turns.charge(index, 10)
        }
        // Not the 500 that it could have had, but at most one batch more than the other.
        #expect(jobs == [110, 90])
    }

    @Test func aStrictOrderTakesTheFirstThatHasWork() {
        var turns = QueueTurns(.strict([.webhooks, .clicks, .batches]))
        let turn1 = turns.next { _ in true }
        #expect(turn1 == 0)
        turns.charge(0, 1000)
        let turn2 = turns.next { _ in true }
        #expect(turn2 == 0)
        let turn3 = turns.next { $0 > 0 }
        #expect(turn3 == 1)
        let turn4 = turns.next { _ in false }
        #expect(turn4 == nil)
    }

    @Test(arguments: [
        QueueOrder.weighted([:]), .strict([]), .strict([.clicks, .clicks]), .weighted([.clicks: 0]),
        .weighted([.clicks: 1, .webhooks: 101]),
    ])
    func anOrderThatCannotBeIsNamed(order: QueueOrder) { #expect(order.problem != nil) }
}
