import Core
import Crypto
import Fleet
import Testing

@testable import Webhooks

@Suite struct SignatureTests {
    private let body = Array(#"{"test": 2432232314}"#.utf8)

    @Test func theStandardsVectorComesOut() throws {
        let secret = try #require(WebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
        let headers = WebhookSignature.headers(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, body: body, signers: [signer(secret)])
        #expect(
            headers.first { $0.0 == "webhook-signature" }?.1 == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    private func signer(_ secret: WebhookSecret) -> HMACSHA256.Keyed { HMACSHA256.Keyed(key: secret.key.reveal()) }

    @Test func bothSecretsSignWhileBothHold() {
        let current = WebhookSecret.issue()
        let previous = WebhookSecret.issue()
        let headers = WebhookSignature.headers(
            id: "msg_1", timestamp: 7, body: body, signers: [signer(current), signer(previous)])
        let entries = headers.first { $0.0 == "webhook-signature" }?.1.split(separator: " ").map(String.init)
        #expect(
            entries
                == [current, previous].map {
                    expectedSignature(id: "msg_1", timestamp: 7, body: body, secret: $0)
                })
        let plain = Hex.encode(HMACSHA256.authenticate(body, key: current.key.reveal()))
        #expect(headers.first { $0.0 == "X-Webhook-Signature" }?.1 == "sha256=\(plain)")
        #expect(headers.first { $0.0 == "webhook-timestamp" }?.1 == "7")
    }

    @Test func aSecretIsItsTextAndShowsItselfNowhere() throws {
        let secret = WebhookSecret.issue()
        let text = secret.reveal()
        #expect(text.hasPrefix("whsec_") && text.utf8.count == 6 + 32 && !text.contains("="))
        #expect(WebhookSecret(text)?.key.reveal() == secret.key.reveal())
        var dumped = ""
        dump(secret, to: &dumped)
        #expect("\(secret)" == "***" && !dumped.contains(String(text.dropFirst(6))))
    }

    @Test(arguments: [
        "", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS?",
    ])
    func whatIsNoSecretIsRefused(_ text: String) { #expect(WebhookSecret(text) == nil) }

    @Test func aSealedSecretOpensForItsEndpointAndUnderItsKeyOnly() throws {
        let sealer = SecretSealer(key: Secret(randomBytes(32)), keyID: "1")
        let id = UUID.version7(at: EpochMilliseconds(rawValue: 1))
        let other = UUID.version7(at: EpochMilliseconds(rawValue: 2))
        let secret = WebhookSecret.issue()
        let sealed = SealedSecret(bytes: try sealer.seal(secret, endpointID: id), keyID: "1")
        #expect(try sealer.open(sealed, endpointID: id).key.reveal() == secret.key.reveal())
        #expect(throws: SecretSealer.Failure.self) { try sealer.open(sealed, endpointID: other) }
        #expect(throws: SecretSealer.Failure.self) {
            try sealer.open(SealedSecret(bytes: sealed.bytes, keyID: "2"), endpointID: id)
        }
        let stranger = SecretSealer(key: Secret(randomBytes(32)), keyID: "1")
        #expect(throws: SecretSealer.Failure.self) { try stranger.open(sealed, endpointID: id) }
    }
}
