package import Crypto

/// A shop platform's secret at rest: sealed under the master key, bound to its source, opened in the ingest only.
package enum HookSecret {
    /// What stands in `hook_sources.secret`.
    package static func seal(_ secret: String, source: String, masterKey: [UInt8]) throws(CryptoError) -> [UInt8] {
        try AESGCM.seal(Array(secret.utf8), key: masterKey, context: context(source))
    }

    /// - Throws: ``CryptoError/notAuthentic`` under another key or for another source.
    package static func open(_ sealed: [UInt8], source: String, masterKey: [UInt8]) throws(CryptoError) -> [UInt8] {
        try AESGCM.open(sealed, key: masterKey, context: context(source))
    }

    private static func context(_ source: String) -> [UInt8] { Array("hook_sources.secret:\(source)".utf8) }
}
