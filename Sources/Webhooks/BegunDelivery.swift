package import Core

/// A job's claim on a delivery.
package struct DeliveryClaim: Sendable {
    package let deliveryID: UUID
    /// Of the lease under which it is worked on.
    package let fence: Int64
    package let jobID: String

    package init(deliveryID: UUID, fence: Int64, jobID: String) {
        self.deliveryID = deliveryID
        self.fence = fence
        self.jobID = jobID
    }
}

/// An attempt whose row is written: what there is to send, and where.
package struct BegunDelivery: Sendable {
    package let deliveryID: UUID
    package let endpointID: UUID
    package let fence: Int64
    /// The number of this attempt, 1 = first.
    package let attempt: Int
    package let url: String
    package let timeout: Duration
    /// `msg_…`
    package let eventID: String
    package let eventType: String
    /// Sent as it is.
    package let body: [UInt8]
    /// The current one first, then the previous one while both hold.
    package let secrets: [SealedSecret]

    package init(
        deliveryID: UUID, endpointID: UUID, fence: Int64, attempt: Int, url: String, timeout: Duration, eventID: String,
        eventType: String, body: [UInt8], secrets: [SealedSecret]
    ) {
        self.deliveryID = deliveryID
        self.endpointID = endpointID
        self.fence = fence
        self.attempt = attempt
        self.url = url
        self.timeout = timeout
        self.eventID = eventID
        self.eventType = eventType
        self.body = body
        self.secrets = secrets
    }
}

/// What a look at a delivery's row says to the job that is about it.
package enum DeliveryStanding: Sendable {
    case send(BegunDelivery)
    /// Nothing is owed any more, or another lease of this job came after ours.
    case done
    /// It was owed, and ended here without an attempt.
    case dead(reason: String)
    /// Not now.
    case later(Duration)
    /// This job stands for an attempt that has been made; the next one's is to stand in the queue instead.
    case superseded(endpointID: UUID, attempt: Int, wait: Duration)
}
