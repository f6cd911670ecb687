import CCrypto

/// SHA-256 (FIPS 180-4).
package enum SHA256 {
    package static let digestBytes = 32

    private static let algorithm = DigestAlgorithm("SHA256", digestBytes: digestBytes)

    package static func digest(_ bytes: [UInt8]) -> [UInt8] { algorithm.digest(bytes) }
}

/// SHA-1, only for version 5 identifiers, where the standard asks for it and nothing rests on its strength.
enum SHA1 {
    private static let algorithm = DigestAlgorithm("SHA1", digestBytes: 20)

    static func digest(_ bytes: [UInt8]) -> [UInt8] { algorithm.digest(bytes) }
}

/// A digest that OpenSSL was asked for once: looking it up by name at each call costs more than a short digest.
///
/// `@unchecked`: a fetched `EVP_MD` is immutable and may be shared by threads; it lives as long as the process.
private struct DigestAlgorithm: @unchecked Sendable {
    private let handle: OpaquePointer
    private let digestBytes: Int

    init(_ name: String, digestBytes: Int) {
        guard let handle = EVP_MD_fetch(nil, name, nil) else { preconditionFailure("OpenSSL has no \(name)") }
        self.handle = handle
        self.digestBytes = digestBytes
    }

    func digest(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: digestBytes) { buffer, count in
            let done = EVP_Digest(bytes, bytes.count, buffer.baseAddress, nil, handle, nil)
            precondition(done == 1, "OpenSSL cannot compute a digest")
            count = digestBytes
        }
    }
}
