import Crypto
import Fleet

/// What proves to a partner that a request is ours. Pure.
package enum WebhookSignature {
    /// The header fields of one attempt.
    ///
    /// `webhook-signature` has one `v1` entry for each secret, so that a partner who has not changed to the new one yet can
    /// verify too. `X-Webhook-Signature` is of the body alone, by the current secret.
    ///
    /// - Parameters:
    ///   - id: the event's, `msg_…`; the same at each attempt.
    ///   - timestamp: of this attempt, in Unix seconds.
    ///   - body: exactly as it is sent.
    ///   - secrets: the current one first; at least one.
    package static func headers(
        id: String, timestamp: Int64, body: [UInt8], secrets: [WebhookSecret]
    ) -> [(String, String)] {
        precondition(!secrets.isEmpty, "a webhook is signed by at least one secret")
        let entries = secrets.map { v1(id: id, timestamp: timestamp, body: body, secret: $0) }
        return [
            ("webhook-id", id), ("webhook-timestamp", String(timestamp)),
            ("webhook-signature", entries.joined(separator: " ")),
            ("X-Webhook-Signature", bodyOnly(body, secret: secrets[0])),
        ]
    }

    /// `v1,` and base64 of HMAC-SHA256 over `{id}.{timestamp}.{body}`.
    package static func v1(id: String, timestamp: Int64, body: [UInt8], secret: WebhookSecret) -> String {
        "v1,"
            + Base64.encode(
                HMACSHA256.authenticate([Array("\(id).\(timestamp).".utf8), body], key: secret.key.reveal()))
    }

    /// `sha256=` and hex of HMAC-SHA256 over the body.
    package static func bodyOnly(_ body: [UInt8], secret: WebhookSecret) -> String {
        "sha256=" + Hex.encode(HMACSHA256.authenticate(body, key: secret.key.reveal()))
    }
}
