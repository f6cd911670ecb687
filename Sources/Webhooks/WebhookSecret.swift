import Crypto
package import Fleet

/// The symmetric key of an endpoint, written `whsec_` and standard base64 (Standard Webhooks 1.0.0). Prints as `***`.
package struct WebhookSecret: Sendable, CustomStringConvertible {
    private static let prefix = "whsec_"
    private static let keyBytes = 24...64

    /// 24 to 64 bytes.
    package let key: Secret<[UInt8]>

    /// `nil` unless it has 24 to 64 bytes.
    package init?(key: [UInt8]) {
        guard Self.keyBytes.contains(key.count) else { return nil }
        self.key = Secret(key)
    }

    /// `nil` without the prefix, for malformed base64 and for a key of another length.
    package init?(_ text: String) {
        guard text.hasPrefix(Self.prefix), let key = Base64.decode(String(text.dropFirst(Self.prefix.count))) else {
            return nil
        }
        self.init(key: key)
    }

    private init(issuing key: [UInt8]) { self.key = Secret(key) }

    /// A new one of 24 random bytes: a length whose base64 has no padding.
    package static func issue() -> WebhookSecret { WebhookSecret(issuing: randomBytes(24)) }

    /// As the partner gets it, once.
    package func reveal() -> String { Self.prefix + Base64.encode(key.reveal()) }

    package var description: String { "***" }
}
