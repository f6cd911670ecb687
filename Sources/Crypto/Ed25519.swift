import CCrypto

/// Ed25519 signatures (RFC 8032).
package enum Ed25519 {
    package static let seedBytes = 32
    package static let publicKeyBytes = 32
    package static let signatureBytes = 64

    /// A key pair, made from its seed.
    ///
    /// `@unchecked`: OpenSSL only reads a finished `EVP_PKEY`, so threads may share it; it is freed once, here.
    package final class PrivateKey: @unchecked Sendable {
        private let handle: OpaquePointer

        /// Throws ``CryptoError/keyLength(expected:actual:)`` unless `seed` has 32 bytes.
        package init(seed: [UInt8]) throws(CryptoError) {
            guard seed.count == seedBytes else { throw .keyLength(expected: seedBytes, actual: seed.count) }
            guard let handle = EVP_PKEY_new_raw_private_key_ex(nil, "ED25519", nil, seed, seed.count) else {
                preconditionFailure("OpenSSL has no Ed25519")
            }
            self.handle = handle
        }

        deinit { EVP_PKEY_free(handle) }

        package var publicKey: [UInt8] {
            [UInt8](unsafeUninitializedCapacity: publicKeyBytes) { buffer, count in
                count = publicKeyBytes
                let done = EVP_PKEY_get_raw_public_key(handle, buffer.baseAddress, &count)
                precondition(done == 1 && count == publicKeyBytes, "OpenSSL cannot derive a public key")
            }
        }

        package func sign(_ message: [UInt8]) -> [UInt8] {
            let context = makeContext()
            defer { EVP_MD_CTX_free(context) }
            precondition(EVP_DigestSignInit_ex(context, nil, nil, nil, nil, handle, nil) == 1, "OpenSSL refuses a key")
            return [UInt8](unsafeUninitializedCapacity: signatureBytes) { buffer, count in
                count = signatureBytes
                let done = EVP_DigestSign(context, buffer.baseAddress, &count, message, message.count)
                precondition(done == 1 && count == signatureBytes, "OpenSSL cannot sign")
            }
        }
    }

    /// Whether `signature` is that of `message` under `publicKey`; wrong lengths are a no.
    package static func verify(_ signature: [UInt8], of message: [UInt8], publicKey: [UInt8]) -> Bool {
        guard signature.count == signatureBytes, publicKey.count == publicKeyBytes,
            let handle = EVP_PKEY_new_raw_public_key_ex(nil, "ED25519", nil, publicKey, publicKey.count)
        else { return false }
        defer { EVP_PKEY_free(handle) }
        let context = makeContext()
        defer { EVP_MD_CTX_free(context) }
        precondition(EVP_DigestVerifyInit_ex(context, nil, nil, nil, nil, handle, nil) == 1, "OpenSSL refuses a key")
        return EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }

    private static func makeContext() -> OpaquePointer {
        guard let context = EVP_MD_CTX_new() else { preconditionFailure("no memory for a signature") }
        return context
    }
}
