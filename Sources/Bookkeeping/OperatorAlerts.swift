package import Core
package import EventLoop
package import Notifications
package import Postgres

/// Alerts the operators of orders that something is wrong with, each kind at most once an hour.
@Loop
package struct OperatorAlerts {
    /// How long facts may wait for the creation of their order before somebody has to look.
    nonisolated package static let parkedPatience = Duration.seconds(86_400)
    /// Orders that an alert names.
    nonisolated private static let namesMax = 10

    private static let countParked = PostgresStatement(
        "count_parked",
        """
        SELECT count(*), coalesce(array_agg(external_id ORDER BY parked_since) FILTER (WHERE rank <= $3), '{}')
        FROM (SELECT external_id, parked_since, row_number() OVER (ORDER BY parked_since) AS rank FROM orders
              WHERE parked_since <= coalesce($2, clock_timestamp()) - $1 * interval '1 millisecond') p
        """)

    private let pool: PostgresPool
    private let channels: [Notification.Channel]

    /// - Parameter channels: where alerts go; nothing is looked at without any.
    package init(pool: PostgresPool, channels: [Notification.Channel]) {
        self.pool = pool
        self.channels = channels
    }

    /// Orders that were confirmed or refunded more than a day ago and never created.
    ///
    /// - Parameter now: `nil` is the database's clock.
    /// - Returns: the notifications that are owed now.
    package func parkedOrders(at now: EpochMilliseconds? = nil) async throws -> [UUID] {
        guard !channels.isEmpty else { return [] }
        let row = try await pool.query(
            Self.countParked,
            [
                .int8(Self.parkedPatience.milliseconds), .optional(now) { .timestamp($0) },
                .int8(Int64(Self.namesMax)),
            ])[0]
        let count = try row.int(0)
        guard count > 0 else { return [] }
        return try await raise(
            "parked-orders", subject: "\(count) orders wait for their creation for more than a day",
            names: try row.texts(1).compactMap(\.self), isEventEach: false,
            text: "They were confirmed or refunded, and no order.created came. See `tributary order <id>`.")
    }

    /// Orders of which more was refunded than there is: their commissions stopped at 0.
    ///
    /// - Returns: the notifications that are owed now.
    package func overRefunded(_ orders: [String]) async throws -> [UUID] {
        guard !channels.isEmpty, !orders.isEmpty else { return [] }
        return try await raise(
            "over-refunded", subject: "More was refunded than ordered", names: Array(orders.prefix(Self.namesMax)),
            isEventEach: true,
            text: "Refunds of these orders come to more than the orders. Their commissions stopped at 0.")
    }

    /// - Parameter isEventEach: whether each call is another event, worth counting between two alerts.
    private func raise(
        _ key: String, subject: String, names: [String], isEventEach: Bool, text: String
    ) async throws -> [UUID] {
        let channels = channels
        return try await pool.transaction { transaction in
            try await NotificationBook.alert(key, on: channels, in: transaction) { untold in
                var lines = [text] + names.map { "Order \($0)" }
                if untold > 0, isEventEach { lines.append("It was seen \(untold) times more since the last alert.") }
                lines.append("The same alert comes at most once an hour.")
                return Notification(kind: key, subject: subject, body: lines.joined(separator: "\n"))
            }
        }
    }
}
