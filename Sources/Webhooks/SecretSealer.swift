package import Core
import Crypto
package import Fleet

/// Seals endpoints' secrets under the master key (AES-256-GCM), each for its endpoint alone.
package struct SecretSealer: Sendable {
    /// Why a sealed secret cannot be used; safe for any log.
    package enum Failure: Error, CustomStringConvertible {
        case otherKey(keyID: String)
        case notAuthentic

        package var description: String {
            switch self {
            case .otherKey(let keyID):
                "the secret is sealed under master key \(keyID), which this process does not have"
            case .notAuthentic: "the sealed secret is not authentic under the master key of its id"
            }
        }
    }

    /// The name that stands beside what is sealed.
    package let keyID: String
    private let key: Secret<[UInt8]>

    /// - Parameter key: 32 bytes.
    package init(key: Secret<[UInt8]>, keyID: String) {
        precondition(key.reveal().count == AESGCM.keyBytes, "a master key has 32 bytes")
        self.key = key
        self.keyID = keyID
    }

    package func seal(_ secret: WebhookSecret, endpointID: UUID) throws -> [UInt8] {
        try AESGCM.seal(secret.key.reveal(), key: key.reveal(), context: Self.context(endpointID))
    }

    package func open(_ sealed: SealedSecret, endpointID: UUID) throws(Failure) -> WebhookSecret {
        guard sealed.keyID == keyID else { throw .otherKey(keyID: sealed.keyID) }
        do {
            let opened = try AESGCM.open(sealed.bytes, key: key.reveal(), context: Self.context(endpointID))
            guard let secret = WebhookSecret(key: opened) else { throw Failure.notAuthentic }
            return secret
        } catch {
            throw .notAuthentic
        }
    }

    private static func context(_ endpointID: UUID) -> [UInt8] { Array("webhook-endpoint:\(endpointID)".utf8) }
}

/// A secret as it lies in the database.
package struct SealedSecret: Hashable, Sendable {
    package let bytes: [UInt8]
    /// Of the master key that opens it.
    package let keyID: String

    package init(bytes: [UInt8], keyID: String) {
        self.bytes = bytes
        self.keyID = keyID
    }
}
