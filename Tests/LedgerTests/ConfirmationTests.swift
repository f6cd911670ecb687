import Core
import EventLoop
import Ledger
import Postgres
import TestSupport
import Testing

@Suite("What is past its hold becomes payable")
struct ConfirmationTests {
    init() { Loop.startThread() }

    @Loop @Test func onlyWhatIsDueAndOnlyOnce() async throws {
        try await withBooks { books in
            try await books.insertEndpoint(300, of: partner, types: "{commission.confirmed}")
            try await books.process([
                created("order-1"), confirmed("order-1"), created("order-2"),
                confirmed("order-2", at: orderTime + 2 * day),
            ])
            let tooEarly = instant(holdEnd.rawValue - 1)
            #expect(try await books.book.confirmDue(at: tooEarly, chunk: 10, waiting: true) == nil)
            let due = try await books.book.due(at: holdEnd)
            #expect(due.map(\.currency) == ["KRW"] && due.map(\.count) == [1] && due.map(\.sum) == [10_000])

            let walk = OrderBook.DueWalk()
            let first = try #require(
                try await books.book.confirmDue(at: holdEnd, chunk: 10, waiting: false, walk: walk))
            #expect(walk.taken == [try created("order-1").orderID])
            #expect(first.confirmed == 1)
            #expect(first.sums == ["KRW": 10_000])
            #expect(first.skipped.isEmpty)
            #expect(first.owedDeliveries.count == 1)
            let end = try await books.end(of: "order-1")
            #expect(end[partner]?.status == "confirmed")
            #expect(end.balances == [partner: ["programme_expense": -10_000, "partner_confirmed": 10_000]])
            #expect(try await books.end(of: "order-2")[partner]?.status == "pending")
            #expect(
                try await books.texts("SELECT reason FROM audit_logs WHERE action = 'auto_confirmed'")
                    == ["Auto-confirmed after hold period"])

            #expect(try await books.book.confirmDue(at: holdEnd, chunk: 10, waiting: true) == nil)
            #expect(try await books.end(of: "order-1") == end)
            let later = instant(orderTime + 30 * day)
            #expect(try await books.book.confirmDue(at: later, chunk: 10, waiting: true)?.confirmed == 1)
            #expect(try await books.number("SELECT count(*) FROM ledger_entries WHERE kind = 'confirmation'") == 2)
        }
    }

    @Loop @Test func aRunGoesOnInChunksPastWhatWasSetAside() async throws {
        try await withBooks { books in
            for number in 0..<5 { try await books.process([created("o-\(number)"), confirmed("o-\(number)")]) }
            let bad = try created("o-3").orderID
            var confirmed = 0
            while let done = try await books.book.confirmDue(at: holdEnd, chunk: 2, waiting: true, aside: [bad]) {
                #expect(done.priced <= 2)
                confirmed += done.confirmed
            }
            #expect(confirmed == 4)
            #expect(try await books.end(of: "o-3")[partner]?.status == "pending")
        }
    }

    @Loop @Test(arguments: [false, true]) func theOrderThatFailsIsFoundOneByOne(waiting: Bool) async throws {
        try await withBooks { books in
            for number in 0..<5 { try await books.process([created("o-\(number)"), confirmed("o-\(number)")]) }
            let bad = try created("o-2").orderID
            try await books.pool.executeScript(
                """
                INSERT INTO order_facts (order_id, seq, kind, fact_key, digest, occurred_at, accepted_at, data)
                VALUES ('\(bad)', 3, 'of_the_future', 'x', '', now(), now(), '{}')
                """)
            await #expect(throws: LedgerError.self) {
                _ = try await books.book.confirmDue(at: holdEnd, chunk: 10, waiting: true)
            }
            var aside: [UUID] = []
            var confirmed = 0
            while true {
                let walk = OrderBook.DueWalk()
                do {
                    let done = try await books.book.confirmDue(
                        at: holdEnd, chunk: 1, waiting: waiting, aside: aside, walk: walk)
                    guard let done else { break }
                    confirmed += done.confirmed
                } catch {
                    aside += walk.taken
                    try #require(aside == [bad])
                }
            }
            #expect(confirmed == 4)
        }
    }

    @Loop @Test func anOrderThatSomebodyHoldsIsPassedOver() async throws {
        try await withBooks { books in
            try await books.process([created("order-1"), confirmed("order-1")])
            let holds = Gate()
            let mayEnd = Gate()
            async let holder: Void = books.pool.transaction { transaction in
                _ = try await transaction.execute(PostgresStatement("test_hold", "SELECT id FROM orders FOR UPDATE"))
                holds.open()
                await mayEnd.wait()
            }
            await holds.wait()
            #expect(try await books.book.confirmDue(at: holdEnd, chunk: 10, waiting: false) == nil)
            mayEnd.open()
            try await holder
            #expect(try await books.book.confirmDue(at: holdEnd, chunk: 10, waiting: true)?.confirmed == 1)
        }
    }

    /// Each takes what the other has not, although both ask for the oldest.
    @Loop @Test func twoThatWalkAtOnceTakeEachTheirOwn() async throws {
        try await withBooks { books in
            for number in 0..<8 { try await books.process([created("o-\(number)"), confirmed("o-\(number)")]) }
            let (holds, mayEnd) = (Gate(), Gate())
            let slow = books.anotherBook { statement in
                guard statement.name == "commit" else { return }
                holds.open()
                await mayEnd.wait()
            }
            let first = OrderBook.DueWalk()
            let second = OrderBook.DueWalk()
            async let one = slow.confirmDue(at: holdEnd, chunk: 3, waiting: false, walk: first)
            await holds.wait()
            var confirmed = 0
            while let done = try await books.book.confirmDue(at: holdEnd, chunk: 3, waiting: false, walk: second) {
                #expect(Set(first.taken).isDisjoint(with: second.taken))
                #expect(done.priced == second.taken.count)
                confirmed += done.confirmed
            }
            #expect(confirmed == 5)
            mayEnd.open()
            #expect(try await one?.confirmed == 3)
            #expect(try await books.number("SELECT count(*) FROM ledger_entries WHERE kind = 'confirmation'") == 8)
        }
    }

    /// What somebody held comes again to who begins anew.
    @Loop @Test func aWalkThatPassedSomethingOverLeavesItToTheNext() async throws {
        try await withBooks { books in
            for number in 0..<3 {
                try await books.process([
                    created("o-\(number)"), confirmed("o-\(number)", at: orderTime + Int64(number) * 1000),
                ])
            }
            let (holds, mayEnd) = (Gate(), Gate())
            let oldest = try created("o-0").orderID
            async let holder: Void = books.pool.transaction { transaction in
                let hold = PostgresStatement("test_hold", "SELECT id FROM orders WHERE id = $1 FOR UPDATE")
                _ = try await transaction.execute(hold, [.uuid(oldest)])
                holds.open()
                await mayEnd.wait()
            }
            await holds.wait()
            let later = instant(holdEnd.rawValue + 10_000)
            let walk = OrderBook.DueWalk()
            #expect(try await books.book.confirmDue(at: later, chunk: 10, waiting: false, walk: walk)?.confirmed == 2)
            mayEnd.open()
            try await holder
            #expect(try await books.book.confirmDue(at: later, chunk: 10, waiting: false, walk: walk) == nil)
            #expect(
                try await books.book.confirmDue(at: later, chunk: 10, waiting: true, walk: walk)?.confirmed == 1)
        }
    }

    /// The target is a function of the facts and of what is frozen: where both are as they were, nothing is computed again,
    /// and the order's row is not written.
    @Loop @Test func anOrderWithoutNewFactsKeepsItsRowAndItsTrace() async throws {
        try await withBooks { books in
            try await books.process([created("order-1"), confirmed("order-1")])
            let row = "SELECT ctid || ' ' || facts_seq || ' ' || catalogue FROM orders"
            let trace = "SELECT trace::text FROM partner_commissions"
            let before = try await books.texts(row) + books.texts(trace)
            #expect(try await books.book.confirmDue(at: holdEnd, chunk: 10, waiting: true)?.confirmed == 1)
            #expect(try await books.texts(row) + books.texts(trace) == before)
        }
    }

    @Loop @Test func twoRunsAtOnceConfirmOnce() async throws {
        try await withBooks { books in
            for number in 0..<8 { try await books.process([created("o-\(number)"), confirmed("o-\(number)")]) }
            let other = books.anotherBook()
            async let one = books.book.confirmDue(at: holdEnd, chunk: 10, waiting: true)
            async let two = other.confirmDue(at: holdEnd, chunk: 10, waiting: true)
            let confirmed = try await (one?.confirmed ?? 0) + (two?.confirmed ?? 0)
            #expect(confirmed == 8)
            #expect(try await books.number("SELECT count(*) FROM ledger_entries WHERE kind = 'confirmation'") == 8)
        }
    }

    @Loop @Test func aFactThatIsNotPricedYetGoesBeforeTheConfirmation() async throws {
        try await withBooks { books in
            try await books.process([created("order-1"), confirmed("order-1")])
            _ = try await books.book.record([cancelled("order-1")])
            let run = try await books.book.confirmDue(at: holdEnd, chunk: 10, waiting: true)
            #expect(run?.confirmed == 0)
            #expect(run?.skipped == ["order_cancelled": 1])
            let end = try await books.end(of: "order-1")
            #expect(end[partner]?.status == "cancelled")
            #expect(end.balances.isEmpty)
        }
    }

    @Loop @Test func aLateTouchBeforeTheConfirmationGivesTheOrderToItsPartner() async throws {
        try await withBooks { books in
            let clickedAt = instant(orderTime - hour)
            let click = UUID.version7(at: clickedAt)
            try await books.process([
                created("order-1", content(adding: [("clickId", .string(click.description))])), confirmed("order-1"),
            ])
            #expect(
                try await books.end(of: "order-1").commissions == [partner: .init(status: "pending", amount: 10_000)])
            try await books.insertClick(click, of: rival, at: clickedAt)
            let run = try await books.book.confirmDue(at: holdEnd, chunk: 10, waiting: true)
            #expect(run?.confirmed == 1)
            let end = try await books.end(of: "order-1")
            #expect(end[rival] == .init(status: "confirmed", amount: 10_000))
            #expect(end[partner]?.status == "not_payable")
            #expect(end[partner]?.amount == 0)
            #expect(end.balances == [rival: ["programme_expense": -10_000, "partner_confirmed": 10_000]])
            #expect(
                try await books.texts("SELECT partner_id || ' ' || referral_click_id FROM conversion_events")
                    == ["\(rival) \(click)"])
            #expect(try await books.book.confirmDue(at: holdEnd, chunk: 10, waiting: true) == nil)
        }
    }

    @Loop @Test func anOrderWaitsForAClickThatIsStillInItsQueue() async throws {
        try await withBooks { books in
            let now = Loop.wallClock.rawValue
            let click = UUID.version7(at: instant(now - 1000))
            let data = content(code: nil, adding: [("clickId", .string(click.description))])
            try await books.process([created("order-1", data, at: now), confirmed("order-1", at: now + 1)])
            #expect(try await books.end(of: "order-1").commissions.isEmpty)
            #expect(try await books.number("SELECT count(*) FROM orders WHERE touch_due_at > now()") == 1)
            try await books.insertClick(click, of: rival, at: instant(now - 1000))
            let pricing = try await books.book.price([try created("order-1", data, at: now).orderID])
            #expect(pricing.priced == 1)
            #expect(try await books.end(of: "order-1")[rival] == .init(status: "pending", amount: 10_000))
            #expect(try await books.number("SELECT count(*) FROM orders WHERE touch_due_at IS NOT NULL") == 0)
        }
    }

    @Loop @Test func aClickInTheSameSessionIsFoundByTheOrder() async throws {
        try await withBooks { books in
            let click = uuid(500)
            try await books.insertClick(click, of: partner, at: instant(orderTime - hour), session: "s-1")
            try await books.process([
                created("order-1", content(adding: [("sessionId", "s-1")])), confirmed("order-1"),
            ])
            #expect(
                try await books.texts("SELECT referral_click_id::text FROM conversion_events") == [click.description])
            #expect(try await books.number("SELECT count(*) FROM order_facts WHERE kind = 'touch'") == 1)
        }
    }
}
