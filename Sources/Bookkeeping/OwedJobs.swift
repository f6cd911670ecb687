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

/// The id in a payload such as `{"order":"<uuid>"}`; `nil` when it is not there.
func payloadID(_ payload: [UInt8], _ key: String) -> UUID? {
    // Bytes that are no JSON are a malformed job too: the caller buries it.
    guard let json = try? JSON.parse(payload) else { return nil }
    return json[key]?.string.flatMap { UUID($0) }
}
