import Core
import EventLoop
import Postgres

/// A delivery with its endpoint and event, as it was locked.
struct DeliveryRow {
    let id: UUID
    let isOwed: Bool
    let attempt: Int
    let nextAttemptAt: EpochMilliseconds
    let expiresAt: EpochMilliseconds
    let fence: Int64
    let endpointID: UUID
    let isEnabled: Bool
    let pausedUntil: EpochMilliseconds?
    let now: EpochMilliseconds
    private let url: String
    private let timeout: Duration
    private let secrets: [SealedSecret]
    private let eventID: String
    private let eventType: String
    private let body: [UInt8]

    init(_ row: PostgresRow) throws {
        id = try row.uuid(0)
        isOwed = try row.text(1) == "owed"
        attempt = Int(try row.int(2))
        nextAttemptAt = try row.timestamp(3)
        expiresAt = try row.timestamp(4)
        fence = try row.int(5)
        endpointID = try row.uuid(6)
        isEnabled = try row.bool(7)
        pausedUntil = try row.optionalTimestamp(8)
        url = try row.text(9)
        timeout = .milliseconds(try row.int(10))
        var secrets = [SealedSecret(bytes: try row.bytes(11), keyID: try row.text(12))]
        if let previous = try row.optionalBytes(13) {
            secrets.append(SealedSecret(bytes: previous, keyID: try row.text(14)))
        }
        self.secrets = secrets
        eventID = try row.text(15)
        eventType = try row.text(16)
        body = try row.bytes(17)
        now = try row.timestamp(18)
    }

    func begun(_ claim: DeliveryClaim) -> BegunDelivery {
        BegunDelivery(
            deliveryID: id, endpointID: endpointID, fence: claim.fence, attempt: attempt + 1, url: url,
            timeout: timeout,
            eventID: eventID, eventType: eventType, body: body, secrets: secrets)
    }
}

/// What a begin writes, decided row by row. All times are the database's.
struct BeginningPlan {
    private var begun: [(id: UUID, fence: Int64)] = []
    private var ended: [(id: UUID, status: String, reason: String)] = []
    private var seen: Set<UUID> = []

    mutating func add(_ row: DeliveryRow, _ claim: DeliveryClaim) -> DeliveryStanding {
        // Two jobs of one delivery in one lease: the first one speaks for it.
        guard row.isOwed, row.fence <= claim.fence, seen.insert(row.id).inserted else { return .done }
        guard row.isEnabled else {
            ended.append((row.id, "cancelled", "endpoint_disabled"))
            return .done
        }
        guard row.now < row.expiresAt else {
            ended.append((row.id, "dead", "too_old"))
            return .dead(reason: "too_old")
        }
        let due = max(row.nextAttemptAt, row.pausedUntil ?? row.nextAttemptAt)
        let wait = max(due.since(row.now), .zero)
        if claim.jobID != DeliveryJob.id(row.id, attempt: row.attempt) {
            return .superseded(endpointID: row.endpointID, attempt: row.attempt, wait: wait)
        }
        if wait > .zero { return .later(wait) }
        begun.append((row.id, claim.fence))
        return .send(row.begun(claim))
    }

    @Loop func post(to transaction: PostgresTransaction) {
        if !begun.isEmpty {
            transaction.post(
                WebhookStatements.beginAttempts, [.uuids(begun.map(\.id)), .int8s(begun.map(\.fence))])
        }
        if !ended.isEmpty {
            transaction.post(
                WebhookStatements.endDeliveries,
                [.uuids(ended.map(\.id)), .texts(ended.map(\.status)), .texts(ended.map(\.reason))])
        }
    }
}
