import EventLoop
import TestSupport
import Testing

@testable import Fleet

@Suite struct BatchSplittingTests {
    init() { Loop.startThread() }

    /// Splits 0..<count where handling fails on any of `bad`.
    @Loop private func split(_ count: Int, bad: Set<Int>) async -> (report: SplitReport<Int>, handed: [[Int]]) {
        let handed = Held<[[Int]]>([])
        let report = await splitting(Array(0..<count)) { items in
            handed.value.append(items)
            if items.contains(where: bad.contains) { throw BadData() }
            return items.map { $0 * 2 }
        }
        return (report, handed.value)
    }

    @Loop @Test func aGoodBatchIsOneCall() async {
        let (report, handed) = await split(100, bad: [])
        #expect(report.calls == 1 && handed.count == 1)
    }

    @Loop @Test func anEmptyBatchIsNoCall() async {
        let (report, _) = await split(0, bad: [])
        #expect(report.calls == 0 && report.results.isEmpty)
    }

    /// The property, over seeded random batches: each bad item fails, standing alone; all others have their outcome, in
    /// place; the calls are within the bound.
    @Loop @Test func onlyTheBadFailAndTheCallsAreBounded() async {
        let seed = SeededGenerator.seedOfThisRun
        var random = SeededGenerator(seed: seed)
        for round in 0..<300 {
            let count = Int.random(in: 1...200, using: &random)
            let share = [0.0, 0.01, 0.1, 0.5, 1].randomElement(using: &random)!
            let bad = Set((0..<count).filter { _ in Double.random(in: 0..<1, using: &random) < share })
            let (report, handed) = await split(count, bad: bad)
            for (index, result) in report.results.enumerated() {
                switch result {
                case .outcome(let value): #expect(value == index * 2 && !bad.contains(index))
                case .failed(let message): #expect(bad.contains(index) && message == "the data is bad")
                case .abandoned: Issue.record("item \(index) was abandoned (seed \(seed), round \(round))")
                }
            }
            for index in bad { #expect(handed.contains([index]), "seed \(seed), round \(round)") }
            let depth = count == 1 ? 0 : Int.bitWidth - (count - 1).leadingZeroBitCount
            #expect(report.calls <= min(2 * count - 1, 1 + 2 * bad.count * depth), "seed \(seed), round \(round)")
        }
    }

    @Loop @Test func aStoreThatGoesAwayAbandonsTheRest() async {
        let calls = Held(0)
        let report = await splitting(Array(0..<8)) { items -> [Int] in
            calls.value += 1
            if items.contains(0) { throw BadData() }
            if calls.value > 4 { throw StoreIsAway() }
            return items
        }
        #expect(report.storeError is StoreIsAway)
        let abandoned = report.results.indices.filter {
            if case .abandoned = report.results[$0] { true } else { false }
        }
        // 0 failed alone; 1, 2, 3 were still to come with the second half.
        #expect(abandoned == Array(1..<8))
    }

    @Loop @Test func aCancellationAbandonsEverything() async {
        let gate = Gate()
        let task = Task { @Loop in
            await splitting([1, 2]) { items in
                try await gate.waitUnlessCancelled()
                return items
            }
        }
        while gate.arrivals == 0 { await Task.yield() }
        task.cancel()
        let report = await task.value
        #expect(report.storeError == nil)
        #expect(report.results.allSatisfy { if case .abandoned = $0 { true } else { false } })
    }

    @Loop @Test func tooFewOutcomesAreAFailureAndNoCrash() async {
        let report = await splitting([1, 2]) { _ in [Int]() }
        for result in report.results {
            guard case .failed(let message) = result else {
                Issue.record("not a failure")
                continue
            }
            #expect(message == "the handler gave 0 outcomes for 1 jobs")
        }
    }
}
