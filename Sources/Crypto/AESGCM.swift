import CCrypto

/// AES-256 in Galois/Counter Mode (NIST SP 800-38D) with a random nonce for each message.
///
/// Sealed bytes are nonce (12) ‖ ciphertext ‖ tag (16). One key seals at most 2³² messages, far more than there are
/// secrets to keep.
package enum AESGCM {
    package static let keyBytes = 32
    package static let nonceBytes = 12
    package static let tagBytes = 16

    /// `context` is bound to the sealed bytes without being in them: say whose secret it is (table, row, purpose),
    /// so that it opens nowhere else. Throws ``CryptoError/keyLength(expected:actual:)``.
    package static func seal(_ plaintext: [UInt8], key: [UInt8], context: [UInt8] = []) throws(CryptoError) -> [UInt8] {
        guard key.count == keyBytes else { throw .keyLength(expected: keyBytes, actual: key.count) }
        let nonce = randomBytes(nonceBytes)
        let cipher = makeContext()
        defer { EVP_CIPHER_CTX_free(cipher) }
        check(EVP_EncryptInit_ex2(cipher, algorithm.handle, key, nonce, nil))
        var length: Int32 = 0
        if !context.isEmpty {
            check(EVP_EncryptUpdate(cipher, nil, &length, context, Int32(context.count)))
        }
        var ciphertext = [UInt8](repeating: 0, count: plaintext.count)
        if !plaintext.isEmpty {
            check(
                EVP_EncryptUpdate(cipher, &ciphertext, &length, plaintext, Int32(plaintext.count)))
        }
        var tag = [UInt8](repeating: 0, count: tagBytes)
        check(EVP_EncryptFinal_ex(cipher, &tag, &length))
        check(crypto_gcm_get_tag(cipher, &tag, Int32(tagBytes)))
        return nonce + ciphertext + tag
    }

    /// Throws ``CryptoError/notAuthentic`` unless the key, the context and every bit are those of ``seal(_:key:context:)``.
    package static func open(_ sealed: [UInt8], key: [UInt8], context: [UInt8] = []) throws(CryptoError) -> [UInt8] {
        guard key.count == keyBytes else { throw .keyLength(expected: keyBytes, actual: key.count) }
        guard sealed.count >= nonceBytes + tagBytes else { throw .notAuthentic }
        let cipher = makeContext()
        defer { EVP_CIPHER_CTX_free(cipher) }
        let nonce = Array(sealed.prefix(nonceBytes))
        let tag = Array(sealed.suffix(tagBytes))
        let ciphertext = Array(sealed.dropFirst(nonceBytes).dropLast(tagBytes))
        check(EVP_DecryptInit_ex2(cipher, algorithm.handle, key, nonce, nil))
        var length: Int32 = 0
        if !context.isEmpty {
            check(EVP_DecryptUpdate(cipher, nil, &length, context, Int32(context.count)))
        }
        var plaintext = [UInt8](repeating: 0, count: ciphertext.count)
        if !ciphertext.isEmpty {
            check(
                EVP_DecryptUpdate(cipher, &plaintext, &length, ciphertext, Int32(ciphertext.count)))
        }
        check(crypto_gcm_set_tag(cipher, tag, Int32(tagBytes)))
        var rest: [UInt8] = [0]  // GCM leaves nothing for the end, but wants a place for it
        guard EVP_DecryptFinal_ex(cipher, &rest, &length) == 1 else { throw .notAuthentic }
        return plaintext
    }

    private static func makeContext() -> OpaquePointer {
        guard let cipher = EVP_CIPHER_CTX_new() else { preconditionFailure("no memory for a cipher") }
        return cipher
    }

    /// For calls that cannot fail for any outside reason.
    private static func check(_ result: Int32) { precondition(result == 1, "OpenSSL refuses AES-256-GCM") }

    private static let algorithm = Algorithm()

    /// `@unchecked`: a fetched `EVP_CIPHER` is immutable and may be shared by threads; it lives as long as the process.
    private struct Algorithm: @unchecked Sendable {
        let handle: OpaquePointer

        init() {
            guard let handle = EVP_CIPHER_fetch(nil, "AES-256-GCM", nil) else {
                preconditionFailure("OpenSSL has no AES-256-GCM")
            }
            self.handle = handle
        }
    }
}
