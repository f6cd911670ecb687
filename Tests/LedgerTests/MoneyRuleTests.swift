import Commissions
import Core
import EventLoop
import Ledger
import Postgres
import Testing

@Suite("Money follows the facts at every stage of a commission's life")
struct MoneyRuleTests {
    init() { Loop.startThread() }

    @Loop private func act(_ act: OrderBook.Act, _ number: UInt64, _ books: TestBooks) async throws {
        _ = try await books.book.perform(
            OrderBook.OperatorOrder(
                id: uuid(number), commissionID: try await books.commissionID("order-1"), act: act, by: "admin-1",
                reason: "reason \(number)"))
    }

    private let payment = OrderBook.Act.pay(method: "bank_transfer", reference: "TX-1")

    @Loop private func withConfirmedOrder(_ body: @Loop (TestBooks) async throws -> Void) async throws {
        try await withBooks { books in
            try await books.process([created("order-1"), confirmed("order-1")])
            _ = try await books.book.confirmDue(at: holdEnd, chunk: 10, waiting: true)
            try await body(books)
        }
    }

    private func takenBack(_ refund: String) throws -> EventEnvelope {
        try event(
            .refunded, "order-1", ["refundId": .string(refund), "version": 2, "removed": true], at: orderTime + 2 * day)
    }

    @Loop private func entries(_ books: TestBooks) async throws -> [String] {
        try await books.texts("SELECT kind || ' ' || amount FROM ledger_entries ORDER BY id")
    }

    @Loop @Test func aRefundAfterTheConfirmationShrinksWhatIsPaid() async throws {
        try await withConfirmedOrder { books in
            try await books.process([refunded("order-1", 30_000)])
            #expect(try await books.end(of: "order-1")[partner] == .init(status: "confirmed", amount: 7000))
            try await act(payment, 900, books)
            #expect(
                try await books.end(of: "order-1").balances
                    == [partner: ["programme_expense": -7000, "partner_paid": 7000]])
            #expect(
                try await entries(books) == ["accrual 10000", "confirmation 10000", "reversal 3000", "payment 7000"])
        }
    }

    @Loop @Test func aCancellationAfterThePaymentClawsAllOfItBack() async throws {
        try await withConfirmedOrder { books in
            try await act(payment, 900, books)
            let trace = try await books.texts("SELECT trace::text FROM partner_commissions")
            try await books.process([cancelled("order-1")])
            let end = try await books.end(of: "order-1")
            #expect(end.conversion == "cancelled")
            // The paid commission itself is not edited: neither its amount nor how it came about.
            #expect(end[partner] == .init(status: "paid", amount: 10_000))
            #expect(try await books.texts("SELECT trace::text FROM partner_commissions") == trace)
            #expect(end.balances == [partner: ["partner_confirmed": -10_000, "partner_paid": 10_000]])
            #expect(try await entries(books).last == "clawback 10000")
        }
    }

    @Loop @Test func refundsAfterThePaymentClawBackExactlyWhatTheyTake() async throws {
        try await withConfirmedOrder { books in
            try await act(payment, 900, books)
            for number in 1...3 { try await books.process([refunded("order-1", 33_333, refund: "r-\(number)")]) }
            try await books.process([takenBack("r-2")])
            #expect(
                try await books.end(of: "order-1").balances[partner]
                    == ["programme_expense": -3333, "partner_confirmed": -6667, "partner_paid": 10_000])
            #expect(try await books.end(of: "order-1")[partner] == .init(status: "paid", amount: 10_000))
        }
    }

    @Loop @Test func aFullRefundThatIsTakenBackReopensWithTheSameHold() async throws {
        try await withConfirmedOrder { books in
            let hold = try await books.texts("SELECT hold_until::text FROM partner_commissions")
            try await books.process([refunded("order-1", 100_000)])
            #expect(
                try await books.end(of: "order-1")[partner]
                    == .init(status: "cancelled", amount: 0, reason: "fully_refunded"))
            #expect(try await books.number("SELECT count(*) FROM partner_commissions WHERE cancelled_at IS NULL") == 0)
            try await books.process([takenBack("r-1")])
            #expect(try await books.end(of: "order-1")[partner] == .init(status: "pending", amount: 10_000))
            #expect(try await books.texts("SELECT hold_until::text FROM partner_commissions") == hold)
            #expect(
                try await books.number("SELECT count(*) FROM partner_commissions WHERE cancelled_at IS NOT NULL") == 0)
            #expect(
                try await books.end(of: "order-1").balances
                    == [partner: ["programme_expense": -10_000, "partner_pending": 10_000]])
            #expect(try await books.book.confirmDue(at: holdEnd, chunk: 10, waiting: true)?.confirmed == 1)
        }
    }

    @Loop @Test func anAdjustmentIsARatioBetweenTheRefundsBeforeAndAfterIt() async throws {
        try await withBooks { books in
            try await books.process([created("order-1"), confirmed("order-1")])
            try await books.process([refunded("order-1", 50_000)])
            try await act(.adjust(amount: 8000), 901, books)
            var amounts = [try await books.end(of: "order-1")[partner]?.amount]
            try await books.process([refunded("order-1", 25_000, refund: "r-2")])
            amounts.append(try await books.end(of: "order-1")[partner]?.amount)
            try await books.process([takenBack("r-1")])
            amounts.append(try await books.end(of: "order-1")[partner]?.amount)
            #expect(amounts == [8000, 4000, 12_000])
            // The rule no longer applies, the last adjustment does.
            try await act(.adjust(amount: 0), 902, books)
            #expect(
                try await books.end(of: "order-1")[partner] == .init(status: "pending", amount: 0, reason: "adjusted"))
            #expect(try await books.end(of: "order-1").balances.isEmpty)
        }
    }

    @Loop @Test func anAdjustmentToTheSameAmountStandsInTheTrail() async throws {
        try await withBooks { books in
            try await books.process([created("order-1"), confirmed("order-1")])
            try await act(.adjust(amount: 8000), 901, books)
            try await act(.adjust(amount: 8000), 902, books)
            #expect(
                try await books.texts(
                    "SELECT concat_ws(' ', action, reason) FROM audit_logs WHERE user_id IS NOT NULL ORDER BY created_at, id"
                )
                    == ["adjusted reason 901", "adjusted reason 902"])
            #expect(
                try await books.number(
                    "SELECT jsonb_array_length(metadata->'adjustmentHistory') FROM partner_commissions") == 2)
            #expect(try await entries(books) == ["accrual 10000", "reversal 2000"])
            // The same act again is the same act.
            try await act(.adjust(amount: 8000), 902, books)
            #expect(try await books.number("SELECT count(*) FROM audit_logs WHERE user_id IS NOT NULL") == 2)
        }
    }

    @Loop @Test func anUpdatedOrderIsComputedAnewByTheFrozenPolicy() async throws {
        try await withBooks { books in
            try await books.process([created("order-1"), confirmed("order-1")])
            try await books.pool.executeScript(
                "UPDATE commission_policies SET status = 'INACTIVE'; UPDATE partners SET tier = 'platinum'")
            try await books.pool.executeScript(
                TestPolicy(id: uuid(101), code: "LATER", priority: 99, percent: 50).insertion)
            try await books.process([updated("order-1", content(150_000, version: 2))])
            #expect(try await books.end(of: "order-1")[partner]?.amount == 15_000)
            try await books.process([updated("order-1", content(40_000, version: 3), at: orderTime + day)])
            #expect(try await books.end(of: "order-1")[partner] == .init(status: "pending", amount: 4000))
            #expect(try await entries(books) == ["accrual 10000", "accrual 5000", "reversal 11000"])
        }
    }

    @Loop @Test func aHoldStaysAsItWasWhateverBecomesOfTheSetting() async throws {
        try await withBooks { books in
            try await books.process([created("order-1"), confirmed("order-1")])
            try await books.pool.executeScript("UPDATE programmes SET hold_ms = 0")
            try await books.process([refunded("order-1", 50_000)])
            #expect(
                try await books.texts(
                    "SELECT (extract(epoch FROM hold_until) * 1000)::bigint::text FROM partner_commissions")
                    == ["\(holdEnd.rawValue)"])
        }
    }

    @Loop @Test func aCommissionOfNothingHasItsRowItsReasonAndItsWay() async throws {
        try await withBooks { books in
            try await books.process([created("order-1", content(4)), confirmed("order-1")])
            #expect(
                try await books.end(of: "order-1")[partner]
                    == .init(status: "pending", amount: 0, reason: "rounded_to_zero"))
            #expect(try await books.book.confirmDue(at: holdEnd, chunk: 10, waiting: true)?.confirmed == 1)
            try await act(payment, 900, books)
            #expect(try await books.end(of: "order-1")[partner]?.status == "paid")
            #expect(try await books.number("SELECT count(*) FROM ledger_entries") == 0)
            // Money that comes later is a paid partner's all the same.
            try await books.process([updated("order-1", content(1000, version: 2))])
            #expect(
                try await books.end(of: "order-1").balances
                    == [partner: ["programme_expense": -100, "partner_confirmed": 100]])
        }
    }

    @Loop @Test func theLargestOrderIsPaidExactly() async throws {
        try await withBooks { books in
            let most = FactLimits.amountMax
            try await books.process([created("order-1", content(most)), confirmed("order-1")])
            #expect(try await books.end(of: "order-1")[partner]?.amount == most / 10)
            try await books.process([refunded("order-1", most - 10)])
            #expect(try await books.end(of: "order-1")[partner]?.amount == 1)
            let tooMuch = try await books.process([created("order-2", content(most + 1))])
            guard case .refused(let reason) = tooMuch[0] else {
                Issue.record("not refused: \(tooMuch[0])")
                return
            }
            #expect(reason.hasPrefix("field_out_of_range"))
        }
    }

    /// The last day of a policy counts whole, in the programme's zone: 24:00 in Seoul is 15:00 in UTC.
    @Loop @Test(arguments: [(-1, 10_000), (0, 0)] as [(Int64, Int64)])
    func aPolicyEndsAtMidnightInItsZone(offset: Int64, amount: Int64) async throws {
        try await withBooks(policies: []) { books in
            try await books.pool.executeScript(
                """
                INSERT INTO commission_policies (id, programme, policy_code, name, policy_type, priority, commission, valid_from,
                                                 valid_until)
                SELECT '\(uuid(100))', id, 'LAST', 'Last', 'BASE', 1, '{"kind":"percentage","ppm":100000}',
                       '2025-01-01'::date::timestamp AT TIME ZONE time_zone,
                       ('2025-11-03'::date + 1)::timestamp AT TIME ZONE time_zone
                FROM programmes WHERE id = 'default'
                """)
            let midnight = EpochMilliseconds(rfc3339: "2025-11-03T15:00:00Z")?.rawValue ?? 0
            try await books.process([
                created("order-1", at: midnight + offset), confirmed("order-1", at: midnight + hour),
            ])
            let commission = try await books.end(of: "order-1")[partner]
            #expect(commission?.amount == amount)
            #expect(commission?.reason == (amount == 0 ? "no_policy" : nil))
        }
    }
}
