package import Core
package import EventLoop
package import Postgres

/// Where partners receive their events.
@Loop
package enum WebhookEndpoints {
    /// What is wrong with a new endpoint, in words for its maker.
    package enum Refusal: Error, Hashable, CustomStringConvertible {
        case url
        case eventTypes
        case timeout
        case unknownPartner
        case unknownEndpoint
        case overlap

        package var description: String {
            switch self {
            case .url: "the URL must begin with https:// or http://, name a host and have at most 2048 bytes"
            case .eventTypes: "name at least one event type, such as commission.created, commission.* or *"
            case .timeout: "the timeout must be from 100 ms to 30 s"
            case .unknownPartner: "there is no such partner in this programme"
            case .unknownEndpoint: "there is no such endpoint"
            case .overlap: "both secrets can hold for 0 to 7 days"
            }
        }
    }

    /// How long an old and a new secret both sign after a rotation, if nobody says otherwise.
    nonisolated package static let defaultOverlap = Duration.seconds(24 * 3600)

    /// Adds an endpoint and issues its secret, which is shown this once and stored sealed.
    /// - Parameters:
    ///   - eventTypes: exact, or a group as in `commission.*`, or `*`.
    ///   - timeout: of one attempt, 100 ms to 30 s.
    package static func add(
        _ pool: PostgresPool, programme: String, partnerID: UUID, url: String,
        eventTypes: [String] = ["commission.*", "conversion.*"], timeout: Duration = .seconds(5),
        description: String? = nil, sealer: SecretSealer
    ) async throws -> (id: UUID, secret: WebhookSecret) {
        guard isPlausible(url) else { throw Refusal.url }
        guard !eventTypes.isEmpty, eventTypes.allSatisfy(isEventType) else { throw Refusal.eventTypes }
        guard (.milliseconds(100)...(.seconds(30))).contains(timeout) else { throw Refusal.timeout }
        let id = UUID.version7(at: Loop.wallClock)
        let secret = WebhookSecret.issue()
        let rows = try await pool.query(
            EndpointStatements.insert,
            [
                .uuid(id), .text(programme), .uuid(partnerID), .text(url), .optional(description, PostgresValue.text),
                .texts(eventTypes), .int4(Int32(clamping: timeout.milliseconds)),
                .bytes(try sealer.seal(secret, endpointID: id)), .text(sealer.keyID),
            ])
        guard rows.affectedRows == 1 else { throw Refusal.unknownPartner }
        return (id, secret)
    }

    /// Issues a new secret; the one before signs beside it for `overlap`, 0 to 7 days.
    package static func rotate(
        _ pool: PostgresPool, id: UUID, overlap: Duration = defaultOverlap, sealer: SecretSealer
    ) async throws -> WebhookSecret {
        guard (.zero...(.seconds(7 * 24 * 3600))).contains(overlap) else { throw Refusal.overlap }
        let secret = WebhookSecret.issue()
        let rows = try await pool.query(
            EndpointStatements.rotate,
            [
                .uuid(id), .bytes(try sealer.seal(secret, endpointID: id)), .text(sealer.keyID),
                .int8(overlap.milliseconds),
            ])
        guard rows.affectedRows == 1 else { throw Refusal.unknownEndpoint }
        return secret
    }

    /// Lets an endpoint receive again, or no more. Enabling ends a pause too.
    package static func setEnabled(_ pool: PostgresPool, id: UUID, _ isEnabled: Bool, reason: String? = nil)
        async throws
    {
        let rows = try await pool.query(
            EndpointStatements.setEnabled, [.uuid(id), .bool(isEnabled), .optional(reason, PostgresValue.text)])
        guard rows.affectedRows == 1 else { throw Refusal.unknownEndpoint }
    }

    /// All endpoints, or those of one partner, in the order of their making. Secrets are not among it.
    package static func list(_ pool: PostgresPool, partnerID: UUID? = nil) async throws -> [WebhookEndpoint] {
        let rows =
            if let partnerID {
                try await pool.query(EndpointStatements.listOfPartner, [.uuid(partnerID)])
            } else {
                try await pool.query(EndpointStatements.list)
            }
        return try rows.map { try WebhookEndpoint($0) }
    }

    /// The client judges a URL when it is called; this only catches slips.
    private static func isPlausible(_ url: String) -> Bool {
        guard url.utf8.count <= 2048, url.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else { return false }
        for scheme in ["https://", "http://"] where url.lowercased().hasPrefix(scheme) {
            guard let first = url.dropFirst(scheme.count).first else { return false }
            return !"/?#:@".contains(first)
        }
        return false
    }

    private static func isEventType(_ type: String) -> Bool {
        (1...100).contains(type.utf8.count) && type.utf8.allSatisfy { $0 > 32 && $0 < 127 }
    }
}
