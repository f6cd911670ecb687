import Bookkeeping
import Core
import EventLoop
import JobQueue
import Ledger
import Postgres

/// `pay`, `adjust` and `cancel`: what an operator does to one commission.
enum MoneyCommands {
    static let all = [pay, adjust, cancel, LedgerCheck.command]

    private static let commission = CommandWord("commission id", "a uuid, as `tributary order` shows it")
    private static let actor = CommandOption.value(
        "actor", "WHO", "who does it, for the audit; `operator` unless named")

    static let pay = Command(
        "pay", .orders, "Marks a confirmed commission as paid.", words: [commission],
        options: [
            .required("method", "METHOD", "such as bank_transfer"),
            .required("reference", "TEXT", "what the payment is known by"), actor,
        ],
        examples: ["pay 0190b2c4-7d3e-7a41-9f50-1c2d3e4f5061 --method bank_transfer --reference TXN-20251103-001"]
    ) { session, arguments in
        try await perform(
            session, arguments, reason: "paid",
            .pay(method: arguments.text("method"), reference: arguments.text("reference")))
    }

    static let adjust = Command(
        "adjust", .orders, "Sets the amount of a commission that is not paid.", words: [commission],
        options: [
            .required("amount", "AMOUNT", "in major units of its currency, such as 15.50"),
            .required("reason", "TEXT", "why, for the audit and the partner"), actor,
        ],
        examples: ["adjust 0190b2c4-7d3e-7a41-9f50-1c2d3e4f5061 --amount 15.50 --reason \"Tier upgraded to silver\""]
    ) { session, arguments in
        let id = try commissionID(arguments)
        guard let amount = ExactDecimal(arguments.text("amount")) else {
            throw Arguments.Usage("--amount needs a decimal number such as 15.50")
        }
        let currency = try await currency(try await session.postgres(), id)
        let minor: Int64
        do { minor = try amount.minorUnits(in: currency) } catch {
            throw Arguments.Usage("--amount does not fit \(currency.code): \(error)")
        }
        guard minor >= 0 else { throw Arguments.Usage("--amount is 0 or more") }
        return try await perform(session, arguments, reason: arguments.text("reason"), .adjust(amount: minor))
    }

    static let cancel = Command(
        "cancel", .orders, "Cancels a commission that is not paid (with --reason), or jobs that wait or run.",
        words: [CommandWord("id", "a commission's uuid, or ids of jobs", isRepeated: true)],
        options: [
            .value("reason", "TEXT", "of a commission only: why, for the audit and the partner"), actor,
            .value("queue", "NAME", "of jobs only: the queue they are in", choices: QueueCommands.names),
        ],
        examples: [
            "cancel 0190b2c4-7d3e-7a41-9f50-1c2d3e4f5061 --reason \"Customer cancellation\"",
            "cancel delivery-0190b2c4-7d3e-7a41-9f50-1c2d3e4f5061-0 --actor kim",
        ],
        details: """
            The row that owes a job ends first, with who. A job that waits is gone at once. The worker of one that runs is told, \
            and its lease is taken away after TRIBUTARY_CANCEL_GRACE_MS; what such a run has done stays done. Dead ones: \
            `tributary dead delete`.
            """
    ) { session, arguments in
        guard let reason = arguments.optional("reason") else { return try await JobCancel.run(session, arguments) }
        guard arguments.positional.count == 1, arguments.optional("queue") == nil else {
            throw Arguments.Usage("--reason is for one commission; jobs are cancelled without it")
        }
        guard !reason.isEmpty else { throw Arguments.Usage("--reason is required for a commission, and is empty") }
        return try await perform(session, arguments, reason: reason, .cancel)
    }

    private static func commissionID(_ arguments: Arguments) throws -> UUID {
        try arguments.uuid(0, "commission id", "`tributary order <order id>`")
    }

    @Loop private static func currency(_ pool: PostgresPool, _ id: UUID) async throws -> Currency {
        let rows = try await pool.query(
            PostgresStatement("commission_currency", "SELECT currency FROM partner_commissions WHERE id = $1"),
            [.uuid(id)])
        guard let row = rows.first, let currency = Currency.named(try row.text(0)) else { throw notFound(id) }
        return currency
    }

    private static func notFound(_ id: UUID) -> Refusal {
        Refusal("there is no commission \(id): `tributary order <order id>` shows an order's commissions")
    }

    @Loop private static func perform(
        _ session: Session, _ arguments: Arguments, reason: String, _ act: OrderBook.Act
    ) async throws -> Answer {
        let id = try commissionID(arguments)
        let order = OrderBook.OperatorOrder(
            id: .version7(at: Loop.wallClock), commissionID: id, act: act, by: arguments.text("actor", or: "operator"),
            reason: reason)
        let done: OrderBook.Pricing
        do {
            done = try await session.book().perform(order)
        } catch LedgerError.commissionNotFound {
            throw notFound(id)
        }
        var lines: [StyledLine] = []
        if !done.owedDeliveries.isEmpty {
            do {
                _ = try await session.queue().enqueueFollowUps(done.owedDeliveries.map(NewJob.delivery))
            } catch {
                lines.append("They could not be enqueued now (\(error)); the sweep will do it.")
            }
        }
        let now = try await standing(try await session.postgres(), id)
        lines.insert(
            "Commission of \(now.code, .bold): \(now.amount.shown), \(now.status, .bold). "
                + "\(done.owedDeliveries.count.counted("webhook")) \(done.owedDeliveries.count == 1 ? "is" : "are") owed for it.",
            at: 0)
        return Answer(
            [
                "commissionId": .string(id.description), "status": .string(now.status),
                "amountMinor": JSON(integer: now.amount.minorUnits), "currency": .string(now.amount.currency.code),
                "webhooksOwed": JSON(integer: done.owedDeliveries.count),
            ], lines)
    }

    /// What the commission is after the act.
    @Loop private static func standing(
        _ pool: PostgresPool, _ id: UUID
    ) async throws -> (code: String, status: String, amount: Money) {
        let rows = try await pool.query(
            PostgresStatement(
                "commission_standing",
                """
                SELECT p.referral_code, c.status, c.commission_amount, c.currency
                FROM partner_commissions c JOIN partners p ON p.id = c.partner_id WHERE c.id = $1
                """), [.uuid(id)])
        guard let row = rows.first, let currency = Currency.named(try row.text(3)) else { throw notFound(id) }
        return (try row.text(0), try row.text(1), Money(minorUnits: try row.int(2), currency: currency))
    }
}
