import CCrypto

extension HMACSHA256 {
    /// The codes of many messages under one key: what the key alone decides is computed once.
    ///
    /// Not for several threads at a time.
    package final class Keyed {
        private let context: OpaquePointer

        package init(key: [UInt8]) { context = HMACSHA256.makeContext(key: key) }

        deinit { EVP_MAC_CTX_free(context) }

        /// The code of the pieces one after the other.
        package func authenticate(_ pieces: [UInt8]...) -> [UInt8] {
            // Without a key OpenSSL begins anew with the one it has.
            precondition(EVP_MAC_init(context, nil, 0, nil) == 1, "OpenSSL cannot begin an HMAC anew")
            return HMACSHA256.finish(context, pieces)
        }
    }
}
