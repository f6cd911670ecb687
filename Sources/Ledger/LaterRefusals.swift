import Commissions
import Core
import EventLoop
import Postgres

/// Events whose standing changed because their order got its currency, or another one, after they were stored: a refund
/// may come before its order and name another currency than the order turns out to have.
///
/// The facts stay as they are and the fold leaves them out; this only says so where the sender looks.
struct LaterRefusals {
    /// `$1` orders, `$2` numbers of facts, `$3` states, `$4` reasons. Only what was refused or is refused now.
    private static let statement = PostgresStatement(
        "later_refusals",
        """
        UPDATE inbound_events e
        SET state = n.state, reason = n.reason
        FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[]) AS n (order_id, seq, state, reason)
        JOIN order_facts f ON f.order_id = n.order_id AND f.seq = n.seq
        WHERE e.id = f.event_id AND (e.state = 'refused') <> (n.state = 'refused')
        """)

    private var standings: [(orderID: UUID, seq: Int64, state: String, reason: String?)] = []

    /// - Parameter orders: after their new facts were added.
    init(_ orders: [LockedOrder]) {
        for order in orders where order.newFacts.contains(where: { $0.fact.body.version != nil }) {
            guard order.facts.count > 1 else { continue }
            let firstNew = order.newFacts[0].fact.seq
            let before = reduce(order.facts.lazy.filter { $0.seq < firstNew }).current?.currency
            let state = reduce(order.facts)
            guard before != state.current?.currency else { continue }
            for fact in order.facts where fact.kind == .refund || fact.body.version != nil {
                let reason = state.refusal(of: fact)
                let otherwise = state.standing(of: fact) == .stale ? "stale" : "applied"
                standings.append((order.id, fact.seq, reason == nil ? otherwise : "refused", reason))
            }
        }
    }

    /// To be called after the facts are written.
    @Loop func write(_ transaction: PostgresTransaction) {
        guard !standings.isEmpty else { return }
        transaction.post(
            Self.statement,
            [
                .uuids(standings.map(\.orderID)), .int8s(standings.map(\.seq)), .texts(standings.map(\.state)),
                .texts(standings.map(\.reason)),
            ])
    }
}

extension OrderState {
    /// Why a fact can never count as the order stands, in words for its sender; `nil` when it counts, or counted.
    func refusal(of fact: OrderFact) -> String? {
        let own = current?.currency.code ?? ""
        switch (standing(of: fact), fact.body) {
        case (.currencyChanged, .refund(let refund)):
            return "currency_mismatch: the refund is in \(refund.currency?.code ?? ""), its order in \(own)"
        case (.currencyChanged, _):
            return "currency_mismatch: an order keeps the currency of its first version, \(own)"
        case (.unreadableAmount, _):
            return "amount_unreadable: \(own) has no such amount; name the refund's currency"
        default: return nil
        }
    }
}
