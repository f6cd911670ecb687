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
        try seal(plaintext, key: key, context: context, nonce: randomBytes(nonceBytes))
    }

    /// Throws ``CryptoError/notAuthentic`` unless the key, the context and every bit are those of ``seal(_:key:context:)``.
    package static func open(_ sealed: [UInt8], key: [UInt8], context: [UInt8] = []) throws(CryptoError) -> [UInt8] {
        guard key.count == keyBytes else { throw .keyLength(expected: keyBytes, actual: key.count) }
        guard sealed.count >= nonceBytes + tagBytes else { throw .notAuthentic }
        let cipher = Cipher()
        let nonce = Array(sealed.prefix(nonceBytes))
        let tag = Array(sealed.suffix(tagBytes))
        let ciphertext = Array(sealed.dropFirst(nonceBytes).dropLast(tagBytes))
        Cipher.check(EVP_DecryptInit_ex2(cipher.context, Cipher.algorithm.handle, key, nonce, nil))
        var length: Int32 = 0
        if !context.isEmpty {
            Cipher.check(EVP_DecryptUpdate(cipher.context, nil, &length, context, Int32(context.count)))
        }
        var plaintext = [UInt8](repeating: 0, count: ciphertext.count)
        if !ciphertext.isEmpty {
            Cipher.check(
                EVP_DecryptUpdate(cipher.context, &plaintext, &length, ciphertext, Int32(ciphertext.count)))
        }
        Cipher.check(crypto_gcm_set_tag(cipher.context, tag, Int32(tagBytes)))
        var rest: [UInt8] = [0]  // GCM leaves nothing for the end, but wants a place for it
        guard EVP_DecryptFinal_ex(cipher.context, &rest, &length) == 1 else { throw .notAuthentic }
        return plaintext
    }

    /// With a nonce that the caller answers for: twice the same under one key gives the key away. For test vectors.
    static func seal(
        _ plaintext: [UInt8], key: [UInt8], context: [UInt8], nonce: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        guard key.count == keyBytes else { throw .keyLength(expected: keyBytes, actual: key.count) }
        precondition(nonce.count == nonceBytes, "a nonce has \(nonceBytes) bytes")
        let cipher = Cipher()
        Cipher.check(EVP_EncryptInit_ex2(cipher.context, Cipher.algorithm.handle, key, nonce, nil))
        var length: Int32 = 0
        if !context.isEmpty {
            Cipher.check(EVP_EncryptUpdate(cipher.context, nil, &length, context, Int32(context.count)))
        }
        var ciphertext = [UInt8](repeating: 0, count: plaintext.count)
        if !plaintext.isEmpty {
            Cipher.check(
                EVP_EncryptUpdate(cipher.context, &ciphertext, &length, plaintext, Int32(plaintext.count)))
        }
        var tag = [UInt8](repeating: 0, count: tagBytes)
        Cipher.check(EVP_EncryptFinal_ex(cipher.context, &tag, &length))
        Cipher.check(crypto_gcm_get_tag(cipher.context, &tag, Int32(tagBytes)))
        return nonce + ciphertext + tag
    }
}

/// One use of AES-256-GCM.
private struct Cipher: ~Copyable {
    let context: OpaquePointer

    init() {
        guard let context = EVP_CIPHER_CTX_new() else { preconditionFailure("no memory for a cipher") }
        self.context = context
    }

    deinit { EVP_CIPHER_CTX_free(context) }

    /// The calls that cannot fail for any outside reason.
    static func check(_ result: Int32) { precondition(result == 1, "OpenSSL refuses AES-256-GCM") }

    static let algorithm = Algorithm()

    /// `@unchecked`: a fetched `EVP_CIPHER` is immutable and may be shared by threads; it lives as long as the process.
    struct Algorithm: @unchecked Sendable {
        let handle: OpaquePointer

        init() {
            guard let handle = EVP_CIPHER_fetch(nil, "AES-256-GCM", nil) else {
                preconditionFailure("OpenSSL has no AES-256-GCM")
            }
            self.handle = handle
        }
    }
}
