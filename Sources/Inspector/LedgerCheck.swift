import Core
import EventLoop
import Ledger
import Postgres

/// `ledger check`: do the books add up, and does each commission agree with its entries?
enum LedgerCheck {
    static let command = Command(
        "ledger check", .orders,
        "Adds up the ledger and compares it with every commission; exit 1 if it is off.",
        examples: ["ledger check", "ledger check --json | jq .inOrder"],
        details: "Amounts are what each account has received less what it gave; all accounts of a currency sum to zero."
    ) { session, _ in
        let pool = try await session.postgres()
        let accounts = try await pool.query(accountSums).map { row in
            Sum(currency: try row.text(0), account: try row.text(1), minorUnits: try row.int(2))
        }
        let totals = try await pool.query(zeroSums).map { row in
            Sum(currency: try row.text(0), account: "all together", minorUnits: try row.int(1))
        }
        let off = try await pool.query(offenders).map { row in
            (id: try row.uuid(0).description, order: try row.text(1), what: try row.text(2))
        }
        let owed = try await pool.query(owedOrders)[0].int(0)
        let isGood = off.isEmpty && totals.allSatisfy { $0.minorUnits == 0 }
        var page = Page()
        if accounts.isEmpty { page.add("The ledger is empty.") } else { page.add(table(accounts, totals)) }
        if !off.isEmpty {
            page.heading("\("Off", .bad)")
            page.add(
                Table(
                    columns: [.init(heading: "commission"), .init(heading: "order"), .init(heading: "what is off")],
                    rows: off.map { ["\($0.id)", "\($0.order)", "\($0.what)"] }))
            if off.count == offendersMax { page.add("There may be more: \(offendersMax) are shown at most.") }
        }
        page.add("")
        if owed > 0 { page.add("\(Int(owed).counted("order")) \(owed == 1 ? "waits" : "wait") to be priced.") }
        page.add(isGood ? "\("The books are in order.", .good)" : "\("The books are NOT in order.", .bad)")
        return Answer(
            [
                "accounts": .array(accounts.map(\.json)), "totals": .array(totals.map(\.json)),
                "owedPricings": JSON(integer: owed),
                "off": .array(
                    off.map {
                        ["commissionId": .string($0.id), "orderId": .string($0.order), "what": .string($0.what)]
                    }), "inOrder": .bool(isGood),
            ], page, isGood: isGood)
    }

    private struct Sum {
        let currency: String
        let account: String
        let minorUnits: Int64

        var shown: String {
            guard let known = Currency.named(currency) else { return "\(minorUnits.grouped) \(currency)" }
            return Money(minorUnits: minorUnits, currency: known).shown
        }

        var json: JSON {
            ["currency": .string(currency), "account": .string(account), "sumMinor": JSON(integer: minorUnits)]
        }
    }

    private static func table(_ accounts: [Sum], _ totals: [Sum]) -> Table {
        var table = Table(columns: [.init(heading: "account"), .init(heading: "balance", isRight: true)])
        for total in totals {
            for sum in accounts where sum.currency == total.currency {
                table.rows.append(["\(sum.account)", "\(sum.shown)"])
            }
            table.rows.append([
                "\(total.account, .dim)", "\(total.shown, total.minorUnits == 0 ? .dim : .bad)",
            ])
        }
        return table
    }

    private static let offendersMax = 100

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
        SELECT c.id, c.external_order_id,
            CASE WHEN c.status = 'paid' AND b.paid <> c.commission_amount
                     THEN 'its row says ' || c.commission_amount || ' were paid, its entries ' || b.paid
                 WHEN c.status <> 'paid' AND b.paid <> 0 THEN b.paid || ' lie in paid, but it is ' || c.status
                 WHEN c.status <> 'paid' AND b.earned <> c.commission_amount
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
                   coalesce(sum(m.amount) FILTER (WHERE m.account = 'partner_paid'), 0)::bigint AS paid,
                   count(*) FILTER (WHERE m.currency <> c.currency) AS foreign_entries
            FROM (SELECT credit_account AS account, amount, currency FROM ledger_entries e
                  WHERE e.order_id = c.order_id AND e.commission_id = c.id
                  UNION ALL SELECT debit_account, -amount, currency FROM ledger_entries e
                  WHERE e.order_id = c.order_id AND e.commission_id = c.id) m
        ) b
        WHERE (c.status <> 'paid' AND b.earned <> c.commission_amount) OR (c.status <> 'pending' AND b.pending <> 0)
           OR (c.status = 'pending' AND b.confirmed <> 0) OR b.pending < 0
           OR b.paid <> CASE WHEN c.status = 'paid' THEN c.commission_amount ELSE 0 END OR b.foreign_entries > 0
        ORDER BY c.id LIMIT 100
        """)
}
