import Bookkeeping
import Core
import EventLoop
import JobQueue
import Ledger
import Postgres

/// `pay`, `adjust`, `cancel` and `ledger check`.
enum MoneyCommands {
    static let all = [pay, adjust, cancel, check]

    static let pay = Command(
        "pay", "Marks a confirmed commission as paid.",
        usage: "<commission id> --method METHOD --reference TEXT [--actor WHO]",
        examples: ["pay 0190… --method bank_transfer --reference TXN-20251103-001"],
        options: ["method", "reference", "actor"]
    ) { session, arguments in
        try await perform(
            session, arguments, reason: "paid",
            .pay(method: try arguments.required("method"), reference: try arguments.required("reference")))
    }

    static let adjust = Command(
        "adjust", "Sets a commission's amount, in major units of its currency.",
        usage: "<commission id> --amount AMOUNT --reason TEXT [--actor WHO]",
        examples: ["adjust 0190… --amount 15.50 --reason \"Partner tier upgraded to Silver\""],
        options: ["amount", "reason", "actor"]
    ) { session, arguments in
        let pool = try await session.postgres()
        let currency = try await currency(pool, try commissionID(arguments))
        guard let amount = ExactDecimal(try arguments.required("amount")) else {
            throw Arguments.Usage(description: "--amount needs a decimal number such as 15.50")
        }
        let minor: Int64
        do { minor = try amount.minorUnits(in: currency) } catch {
            throw Arguments.Usage(description: "--amount does not fit \(currency.code): \(error)")
        }
        guard minor >= 0 else { throw Arguments.Usage(description: "--amount is 0 or more") }
        return try await perform(
            session, arguments, reason: try arguments.required("reason"), .adjust(amount: minor))
    }

    static let cancel = Command(
        "cancel", "Cancels a commission that is not paid.", usage: "<commission id> --reason TEXT [--actor WHO]",
        examples: ["cancel 0190… --reason \"Customer cancellation\""], options: ["reason", "actor"]
    ) { session, arguments in
        try await perform(session, arguments, reason: try arguments.required("reason"), .cancel)
    }

    private static func commissionID(_ arguments: Arguments) throws -> UUID {
        guard let id = UUID(try arguments.word(0, "commission id")) else {
            throw Arguments.Usage(description: "<commission id> is a uuid: see `tributary order <order id>`")
        }
        return id
    }

    @Loop private static func currency(_ pool: PostgresPool, _ id: UUID) async throws -> Currency {
        let rows = try await pool.query(
            PostgresStatement("commission_currency", "SELECT currency FROM partner_commissions WHERE id = $1"),
            [.uuid(id)])
        guard let row = rows.first, let currency = Currency.named(try row.text(0)) else {
            throw LedgerError.commissionNotFound
        }
        return currency
    }

    @Loop private static func perform(
        _ session: Session, _ arguments: Arguments, reason: String, _ act: OrderBook.Act
    ) async throws -> Answer {
        let id = try commissionID(arguments)
        let order = OrderBook.OperatorOrder(
            id: .version7(at: Loop.wallClock), commissionID: id, act: act,
            by: arguments.optional("actor") ?? "operator",
            reason: reason)
        let done = try await session.book().perform(order)
        var lines = ["Done; \(done.owedDeliveries.count) webhooks are owed for it."]
        if !done.owedDeliveries.isEmpty {
            do {
                _ = try await session.queue().enqueue(done.owedDeliveries.map(NewJob.delivery))
            } catch {
                lines.append("They could not be enqueued now (\(error)); the sweep will do it.")
            }
        }
        return Answer(
            ["commissionId": .string(id.description), "webhooksOwed": JSON(integer: done.owedDeliveries.count)], lines)
    }

    static let check = Command(
        "ledger check", "Adds up the whole ledger and compares it with every commission; exit 1 if anything is off."
    ) { session, _ in
        let pool = try await session.postgres()
        var lines: [String] = []
        var sums: [JSON] = []
        for row in try await pool.query(accountSums) {
            let (currency, account, sum) = (try row.text(0), try row.text(1), try row.int(2))
            sums.append(["currency": .string(currency), "account": .string(account), "sumMinor": JSON(integer: sum)])
            lines.append("\(currency)  \(account)  \(sum)")
        }
        var isGood = true
        for row in try await pool.query(zeroSums) {
            let (currency, sum) = (try row.text(0), try row.int(1))
            lines.append("\(currency)  all accounts together: \(sum)")
            if sum != 0 { isGood = false }
        }
        let off = try await pool.query(offenders)
        for row in off { lines.append("off: commission \(try row.uuid(0)): \(try row.text(1))") }
        let owed = try await pool.query(owedOrders)[0].int(0)
        lines.append("\(owed) orders owe a pricing")
        lines.append(off.isEmpty && isGood ? "The books are in order." : "The books are NOT in order.")
        return Answer(
            [
                "accounts": .array(sums), "owedPricings": JSON(integer: owed),
                "off": .array(
                    try off.map {
                        ["commissionId": .string(try $0.uuid(0).description), "what": .string(try $0.text(1))]
                    }),
                "inOrder": .bool(off.isEmpty && isGood),
            ], lines, isGood: off.isEmpty && isGood)
    }

    private static let movements = """
        SELECT commission_id, currency, credit_account AS account, amount FROM ledger_entries
        UNION ALL SELECT commission_id, currency, debit_account, -amount FROM ledger_entries
        """
    private static let accountSums = PostgresStatement(
        "account_sums",
        "SELECT currency, account, sum(amount)::bigint FROM (\(movements)) m GROUP BY 1, 2 ORDER BY 1, 2")
    private static let zeroSums = PostgresStatement(
        "zero_sums", "SELECT currency, sum(amount)::bigint FROM (\(movements)) m GROUP BY 1 ORDER BY 1")
    private static let owedOrders = PostgresStatement(
        "owed_orders", "SELECT count(*) FROM orders WHERE priced_seq < facts_seq")

    /// Commissions whose row and entries do not agree, at most 100.
    private static let offenders = PostgresStatement(
        "ledger_offenders",
        """
        SELECT c.id,
            CASE WHEN c.status <> 'paid' AND b.earned <> c.commission_amount
                     THEN 'its row says ' || c.commission_amount || ', its entries ' || b.earned
                 WHEN c.status <> 'pending' AND b.pending <> 0 THEN b.pending || ' lie in pending, but it is ' || c.status
                 WHEN c.status = 'pending' AND b.confirmed <> 0 THEN b.confirmed || ' lie in confirmed, but it is pending'
                 WHEN b.pending < 0 THEN 'pending is negative: ' || b.pending
                 ELSE 'its entries are in another currency' END
        FROM partner_commissions c
        CROSS JOIN LATERAL (
            SELECT coalesce(-sum(m.amount) FILTER (WHERE m.account = 'programme_expense'), 0)::bigint AS earned,
                   coalesce(sum(m.amount) FILTER (WHERE m.account = 'partner_pending'), 0)::bigint AS pending,
                   coalesce(sum(m.amount) FILTER (WHERE m.account = 'partner_confirmed'), 0)::bigint AS confirmed,
                   count(*) FILTER (WHERE m.currency <> c.currency) AS foreign_entries
            FROM (SELECT credit_account AS account, amount, currency FROM ledger_entries e
                  WHERE e.order_id = c.order_id AND e.commission_id = c.id
                  UNION ALL SELECT debit_account, -amount, currency FROM ledger_entries e
                  WHERE e.order_id = c.order_id AND e.commission_id = c.id) m
        ) b
        WHERE (c.status <> 'paid' AND b.earned <> c.commission_amount) OR (c.status <> 'pending' AND b.pending <> 0)
           OR (c.status = 'pending' AND b.confirmed <> 0) OR b.pending < 0 OR b.foreign_entries > 0
        ORDER BY c.id LIMIT 100
        """)
}
