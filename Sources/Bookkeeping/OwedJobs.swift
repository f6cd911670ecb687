package import Core
package import JobQueue
package import Ledger
import Webhooks

// The jobs that owed rows stand behind. Their ids are derived from the row and its progress: enqueuing the same step twice
// is one job, and the next step is another.
extension NewJob {
    /// Queue `commissions`: brings an order's money to its facts.
    package static let pricingKind = "price-order.v1"
    /// Queue `notifications`: sends a notification.
    package static let notificationKind = "notification.v1"
    /// Queue `batches`: carries on a batch run.
    package static let batchKind = "batch.v1"

    /// - Parameter look: names another look at the same facts, such as for a late touch.
    package static func pricing(_ owed: OrderBook.OwedPricing, look: String? = nil) -> NewJob {
        let order = owed.orderID.description
        return NewJob(
            id: "price-\(order)-\(owed.factsSeq)" + (look.map { "-\($0)" } ?? ""), queue: .commissions,
            kind: pricingKind,
            payload: payload("order", order), shardKey: order)
    }

    /// Another look at facts that are priced: the touch that was missing may be there by then.
    static func touch(_ owed: OrderBook.OwedPricing, dueAt: EpochMilliseconds) -> NewJob {
        pricing(owed, look: "t\(dueAt.rawValue)")
    }

    /// The row behind a job of a kind that rows owe, from its id; `nil` for any other. Dead letters are listed without their
    /// payloads, and an id is made of nothing but its row and its progress.
    static func owedRow(ofJob id: String, kind: String) -> UUID? {
        let prefixes = [
            pricingKind: "price-", DeliveryJob.kind: "delivery-", notificationKind: "notification-",
            batchKind: "batch-",
        ]
        guard let prefix = prefixes[kind], id.hasPrefix(prefix) else { return nil }
        return UUID(String(id.dropFirst(prefix.count).prefix(36)))
    }

    /// The number of the facts that a pricing's job stands for, from its id; `nil` for any other id.
    static func factsSeq(ofPricing id: String) -> Int64? {
        // price-<36 letters>-<number>, and what names another look at the same facts.
        let parts = id.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 7, parts[0] == "price" else { return nil }
        return Int64(parts[6])
    }

    package static func delivery(_ owed: OrderBook.OwedDelivery) -> NewJob {
        DeliveryJob.make(
            owed.deliveryID, endpointID: owed.endpointID, attempt: Int(owed.attempt), delay: owed.delay)
    }

    package static func notification(_ id: UUID) -> NewJob {
        NewJob(
            id: "notification-\(id)", queue: .notifications, kind: notificationKind,
            payload: payload("notification", id.description), shardKey: id.description)
    }

    package static func batch(_ runID: UUID) -> NewJob {
        NewJob(
            id: "batch-\(runID)", queue: .batches, kind: batchKind, payload: payload("run", runID.description),
            shardKey: runID.description)
    }

    private static func payload(_ key: String, _ id: String) -> [UInt8] {
        JSON.object(JSONObject([(key, .string(id))])).serialized()
    }
}

/// The id in a payload such as `{"order":"<uuid>"}`; `nil` when it is not there or this is no JSON.
func payloadID(_ payload: [UInt8], _ key: String) -> UUID? {
    JSON(validating: payload)?[key]?.string.flatMap { UUID($0) }
}
