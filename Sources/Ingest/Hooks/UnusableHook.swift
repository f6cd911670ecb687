package import Core
import Crypto
package import JobQueue

/// What a hook sent that cannot be used, on its way to the table `unusable_hooks`. The signature was right.
package struct UnusableHook: Sendable {
    /// The kind of the jobs that carry it; the conversion worker stores them.
    package static let jobKind = "unusable-hook.v1"

    package let source: String
    package let topic: String
    package let reason: String
    /// At most ``IngestLimits/unusableBytesMax`` of the body.
    package let payload: [UInt8]
    package let acceptedAt: EpochMilliseconds

    package init(source: String, topic: String, reason: String, body: [UInt8], acceptedAt: EpochMilliseconds) {
        self.source = source
        self.topic = topic
        let isCut = body.count > IngestLimits.unusableBytesMax
        self.reason = isCut ? "\(reason) (the first \(IngestLimits.unusableBytesMax) bytes are kept)" : reason
        payload = isCut ? Array(body.prefix(IngestLimits.unusableBytesMax)) : body
        self.acceptedAt = acceptedAt
    }

    /// `{"v":1,"source","topic","reason","payload":base64,"acceptedAt":ms}`. Its id is made of the content, so a hook that
    /// is sent again is kept once.
    package func job() -> NewJob {
        var sameness = DataWriter(capacity: payload.count + 256)
        sameness.set("source", source)
        sameness.set("topic", topic)
        sameness.set("reason", reason)
        sameness.set("payload", Base64.encode(payload))
        let content = SHA256.digest(sameness.end())
        let id = UUID.derived("unusable-hook", source, Hex.encode(content)).description
        var writer = DataWriter(capacity: payload.count * 4 / 3 + 512)
        writer.set("v", 1)
        writer.set("source", source)
        writer.set("topic", topic)
        writer.set("reason", reason)
        writer.set("payload", Base64.encode(payload))
        writer.set("acceptedAt", acceptedAt.rawValue)
        return NewJob(
            id: id, queue: .conversions, kind: Self.jobKind, payload: writer.end(), shardKey: id, sameness: content)
    }
}
