package import Crypto

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
    ///   - signers: of the current secret first; at least one.
    package static func headers(
        id: String, timestamp: Int64, body: [UInt8], signers: [HMACSHA256.Keyed]
    ) -> [(String, String)] {
        precondition(!signers.isEmpty, "a webhook is signed by at least one secret")
        let timestamp = String(timestamp)
        let head = Array("\(id).\(timestamp).".utf8)
        var entries = v1(head, body, signers[0])
        for signer in signers.dropFirst() { entries += " " + v1(head, body, signer) }
        return [
            ("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", entries),
            ("X-Webhook-Signature", "sha256=" + Hex.encode(signers[0].authenticate(body))),
        ]
    }

    /// `v1,` and base64 of HMAC-SHA256 over `{id}.{timestamp}.{body}`.
    private static func v1(_ head: [UInt8], _ body: [UInt8], _ signer: HMACSHA256.Keyed) -> String {
        "v1," + Base64.encode(signer.authenticate(head, body))
    }
}
