/// A Lua script, called by its digest so that its text travels once.
package struct RedisScript: Sendable {
    /// For logs and metrics.
    package let name: String
    package let source: String
    /// SHA-1 of the source in lower-case hex: the name by which EVALSHA finds it.
    package let sha1: String

    package init(name: String, source: String) {
        self.name = name
        self.source = source
        sha1 = SHA1.hexDigest(Array(source.utf8))
    }
}
