import Commissions
import Core
import TestSupport
import Testing

@Suite("The order of arrival does not matter")
struct PermutationLawTests {
    private let hour: Int64 = 3_600_000

    private func history(endingWith last: OrderFact) -> [OrderFact] {
        [
            fact(.created(order(10_000, version: 1)), at: orderTime),
            fact(.updated(order(8000, version: 2)), at: orderTime + hour),
            refund("r1", 1000, at: orderTime + 2 * hour),
            refund("r2", 500, at: orderTime + 3 * hour),
            last,
        ]
    }

    private func ends(_ history: [OrderFact]) throws -> Set<Books.End> {
        var ends: Set<Books.End> = []
        for permutation in permutations(history) {
            for arrival in [permutation, permutation.flatMap { [$0, $0] }, permutation + permutation] {
                var books = Books(context([policy(percent(10))]))
                for fact in arrival { try books.take(fact) }
                ends.insert(books.end)
            }
        }
        return ends
    }

    @Test func `all orders of five events end with 650`() throws {
        let ends = try ends(history(endingWith: fact(.confirmed, at: orderTime + 4 * hour)))
        #expect(ends.count == 1)
        let end = try #require(ends.first)
        #expect(end.balances.values.map { $0 } == [650])
        #expect(end.rows == [partner: Books.Row(status: .pending, reason: nil)])
        #expect(end.conversion == .partialRefund)
    }

    @Test func `with a cancellation they end with nothing`() throws {
        let ends = try ends(history(endingWith: fact(.cancelled(reason: "changed"), at: orderTime + 4 * hour)))
        #expect(ends.count == 1)
        let end = try #require(ends.first)
        #expect(end.balances.isEmpty)
        #expect(end.rows == [partner: Books.Row(status: .cancelled, reason: .orderCancelled)])
        #expect(end.conversion == .cancelled)
    }

    @Test func `random histories end the same in every order of arrival`() throws {
        let seed = SeededGenerator.seedOfThisRun
        var counts: [HistoryGenerator.Feature: Int] = [:]
        var paid = 0
        for number in 0..<800 {
            var generator = HistoryGenerator(seed: seed &+ UInt64(number) &* 0x1_0000_0001)
            let history = generator.history()
            let context = generator.context
            var expected: Books.End?
            for turn in 0..<5 {
                let arrival = turn == 0 ? history : generator.arrival(of: history)
                var books = Books(context)
                for fact in arrival { try books.take(fact) }
                let end = books.end
                if let expected {
                    #expect(end == expected, "seed \(seed), history \(number), turn \(turn)")
                    if end != expected { return }
                } else {
                    expected = end
                    paid += end.balances.isEmpty ? 0 : 1
                    // The balance is the target, to the last unit.
                    for partner in end.target?.perPartner ?? [] where partner.money.minorUnits != 0 {
                        let key = PartnerAmount(
                            partnerID: partner.partnerID,
                            money: Money(minorUnits: 0, currency: partner.money.currency))
                        #expect(end.balances[key] == partner.money.minorUnits)
                    }
                    for partner in end.target?.perPartner ?? [] {
                        #expect(partner.money.minorUnits != 0 || partner.reason != nil)
                        if let reason = partner.reason { generator.note(reason) }
                    }
                }
            }
            for feature in generator.seen { counts[feature, default: 0] += 1 }
        }
        print("histories that pay: \(paid) of 800")
        for feature in HistoryGenerator.Feature.allCases {
            print("  \(feature.rawValue): \(counts[feature, default: 0])")
            #expect(counts[feature, default: 0] > 0, "never occurred: \(feature.rawValue)")
        }
        #expect(paid > 200)
    }
}
