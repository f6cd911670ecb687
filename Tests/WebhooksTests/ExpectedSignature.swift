import Crypto
import Fleet

@testable import Webhooks

// What a receiver computes, from the specification and not by the sender's code.

/// An entry of `webhook-signature`.
func expectedSignature(id: String, timestamp: Int64, body: [UInt8], secret: WebhookSecret) -> String {
    let message = Array("\(id).\(timestamp).".utf8) + body
    return "v1," + Base64.encode(HMACSHA256.authenticate(message, key: secret.key.reveal()))
}

/// `X-Webhook-Signature`.
func expectedBodySignature(_ body: [UInt8], secret: WebhookSecret) -> String {
    "sha256=" + Hex.encode(HMACSHA256.authenticate(body, key: secret.key.reveal()))
}
