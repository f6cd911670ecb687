import CCrypto

/// HMAC with SHA-256 (RFC 2104). Keys of any length, codes of 32 bytes.
package enum HMACSHA256 {
    package static let codeBytes = 32

    package static func authenticate(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
        authenticate([message], key: key)
    }

    /// The code of the pieces one after the other, so that nobody has to join them.
    package static func authenticate(_ pieces: [[UInt8]], key: [UInt8]) -> [UInt8] {
        let context = makeContext(key: key)
        defer { EVP_MAC_CTX_free(context) }
        return finish(context, pieces)
    }

    /// Begun under the key; whoever asks for it frees it.
    static func makeContext(key: [UInt8]) -> OpaquePointer {
        guard let context = EVP_MAC_CTX_new(algorithm.handle) else { preconditionFailure("no memory for an HMAC") }
        // Without any key bytes OpenSSL takes a null pointer for "keep the key", so it gets one that is not null.
        let keyed = key.isEmpty ? [0] : key
        precondition(crypto_hmac_sha256_init(context, keyed, key.count) == 1, "OpenSSL refuses an HMAC key")
        return context
    }

    static func finish(_ context: OpaquePointer, _ pieces: [[UInt8]]) -> [UInt8] {
        for piece in pieces where !piece.isEmpty {
            precondition(EVP_MAC_update(context, piece, piece.count) == 1, "OpenSSL cannot compute an HMAC")
        }
        return [UInt8](unsafeUninitializedCapacity: codeBytes) { buffer, count in
            let done = EVP_MAC_final(context, buffer.baseAddress, &count, codeBytes)
            precondition(done == 1 && count == codeBytes, "OpenSSL cannot finish an HMAC")
        }
    }

    /// Whether `code` is the message's; the comparison takes the same time for every wrong code.
    package static func verify(_ code: [UInt8], of message: [UInt8], key: [UInt8]) -> Bool {
        constantTimeEqual(code, authenticate(message, key: key))
    }

    private static let algorithm = Algorithm()

    /// `@unchecked`: a fetched `EVP_MAC` is immutable and may be shared by threads; it lives as long as the process.
    private struct Algorithm: @unchecked Sendable {
        let handle: OpaquePointer

        init() {
            guard let handle = EVP_MAC_fetch(nil, "HMAC", nil) else { preconditionFailure("OpenSSL has no HMAC") }
            self.handle = handle
        }
    }
}
