import Commissions
import Core
import EventLoop
import Ledger
import TestSupport
import Testing

@Suite("In whatever order, twice, by two at once: the tables end the same")
struct ArrivalLawTests {
    init() { Loop.startThread() }

    @Loop private func work(_ book: OrderBook, _ batches: [[EventEnvelope]]) async throws {
        for batch in batches {
            let recording = try await book.record(batch)
            _ = try await book.price(recording.owedPricings.map(\.orderID))
        }
    }

    @Loop @Test func theTablesEndWhereTheKernelSays() async throws {
        let seed = SeededGenerator.seedOfThisRun
        try await withBooks(policies: HistoryGenerator.policies) { books in
            var generator = HistoryGenerator(seed: seed)
            var histories: [[EventEnvelope]] = []
            for number in 0..<60 { histories.append(try generator.history(of: "order-\(number)")) }
            let batches = generator.batches(of: histories.flatMap(\.self))
            let other = books.anotherBook()
            async let even: Void = work(
                books.book, batches.enumerated().filter { $0.offset.isMultiple(of: 2) }.map(\.element))
            async let odd: Void = work(
                other, batches.enumerated().filter { !$0.offset.isMultiple(of: 2) }.map(\.element))
            _ = try await (even, odd)

            #expect(try await books.number("SELECT count(*) FROM orders WHERE priced_seq < facts_seq") == 0)
            let policies = HistoryGenerator.policies.map(\.policy)
            var paying = 0
            for (number, history) in histories.enumerated() {
                let end = try await books.end(of: "order-\(number)")
                #expect(try end == BookEnd(of: history, policies: policies), "seed \(seed), order \(number)")
                paying += end.balances.isEmpty ? 0 : 1
            }
            #expect(paying > 5)
            for feature in [
                "updated", "refunded", "cancelled", "never created", "never confirmed", "without a code",
            ] { #expect(generator.seen.contains(feature), "never occurred: \(feature)") }
            try await expectSoundLedger(books)
            print("orders that pay: \(paying) of 60, batches: \(batches.count), contention: \(other.contention)")
        }
    }

    @Loop private func expectSoundLedger(_ books: TestBooks) async throws {
        // What stands with the partners is what the programme spent, by currency.
        #expect(
            try await books.number(
                """
                SELECT count(*) FROM (
                    SELECT currency FROM (
                        SELECT currency, credit_account AS account, amount FROM ledger_entries
                        UNION ALL SELECT currency, debit_account, -amount FROM ledger_entries) e
                    GROUP BY currency HAVING sum(amount) <> 0) unbalanced
                """) == 0)
        // Each row says what its entries say.
        #expect(
            try await books.number(
                """
                SELECT count(*) FROM partner_commissions c
                WHERE commission_amount <> coalesce((
                    SELECT sum(CASE credit_account WHEN 'partner_pending' THEN amount ELSE -amount END)
                    FROM ledger_entries e WHERE e.commission_id = c.id AND e.currency = c.currency), 0)
                """) == 0)
        // Facts are numbered without gaps.
        #expect(
            try await books.number(
                """
                SELECT count(*) FROM orders o
                WHERE facts_seq <> (SELECT count(*) FROM order_facts f WHERE f.order_id = o.id)
                """) == 0)
        #expect(
            try await books.number(
                "SELECT count(*) FROM (SELECT id FROM webhook_events GROUP BY id HAVING count(*) > 1) d") == 0)
    }
}
