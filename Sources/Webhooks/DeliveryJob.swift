package import Core
package import JobQueue

/// The job that stands for one attempt of a delivery.
package enum DeliveryJob {
    package static let kind = "delivery.v1"

    /// - Parameter attempt: attempts used so far. So each attempt has a job of its own, and a job that comes twice is known.
    package static func id(_ deliveryID: UUID, attempt: Int) -> String { "delivery-\(deliveryID)-\(attempt)" }

    package static func make(
        _ deliveryID: UUID, endpointID: UUID, attempt: Int, delay: Duration = .zero
    ) -> NewJob {
        // The endpoint is there so that a worker knows whose turn it would be before it reads any row.
        let payload: JSON = [
            "delivery": .string(deliveryID.description), "endpoint": .string(endpointID.description),
        ]
        return NewJob(
            id: id(deliveryID, attempt: attempt), queue: .webhooks, kind: kind, payload: payload.serialized(),
            shardKey: endpointID.description, delay: delay)
    }

    /// The delivery that a job is about; `nil` for a payload that is none of ours.
    package static func deliveryID(of payload: [UInt8]) -> UUID? { subject(of: payload)?.deliveryID }

    /// The delivery that a job is about, and its endpoint; `nil` for a payload that is none of ours.
    package static func subject(of payload: [UInt8]) -> (deliveryID: UUID, endpointID: UUID)? {
        guard let json = JSON(validating: payload), let delivery = json["delivery"]?.string.flatMap({ UUID($0) }),
            let endpoint = json["endpoint"]?.string.flatMap({ UUID($0) })
        else { return nil }
        return (delivery, endpoint)
    }
}
