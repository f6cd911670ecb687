package import Core

/// One thing that is known about an order. Facts are never changed or taken away; the order's money and states follow
/// from their set alone, in whatever order they arrived.
package struct OrderFact: Hashable, Sendable {
    /// The order's own number of this fact, in order of arrival. It names causes; the money never depends on it.
    package let seq: Int64
    /// Unique within (order, kind): the same thing said twice is one fact. See ``FactBody/key(digest:occurredAt:)``.
    package let key: String
    /// SHA-256 over the mapped fields. Of two versions with the same number the greater digest counts.
    package let digest: [UInt8]
    /// When it happened, by the clock of whoever says so.
    package let occurredAt: EpochMilliseconds
    /// When the ingest accepted it.
    package let acceptedAt: EpochMilliseconds
    package let body: FactBody

    package init(
        seq: Int64, key: String, digest: [UInt8], occurredAt: EpochMilliseconds, acceptedAt: EpochMilliseconds,
        body: FactBody
    ) {
        self.seq = seq
        self.key = key
        self.digest = digest
        self.occurredAt = occurredAt
        self.acceptedAt = acceptedAt
        self.body = body
    }

    package var kind: FactKind { body.kind }

    /// A total order that rests on what the fact says and never on when it arrived.
    static func precedes(_ left: Self, _ right: Self) -> Bool {
        if left.occurredAt != right.occurredAt { return left.occurredAt < right.occurredAt }
        if left.acceptedAt != right.acceptedAt { return left.acceptedAt < right.acceptedAt }
        if left.key != right.key { return left.key < right.key }
        return left.digest.lexicographicallyPrecedes(right.digest)
    }
}
