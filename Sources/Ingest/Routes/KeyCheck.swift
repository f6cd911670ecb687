import Crypto
import EventLoop
import HTTPServer

extension IngestDirectory {
    /// The key in `Authorization: Bearer tk_live_…`, if it may do this.
    ///
    /// - Throws: 401 without a valid key, 403 for one without the scope, 503 when it cannot be checked.
    func authenticate(
        _ request: HTTPRequest, scope: Directory.Scopes, named name: String
    ) async throws(IngestRefusal) -> Directory.APIKey {
        guard let key = try await key(of: request) else {
            // Without a directory nobody can be told that their key is wrong.
            _ = try loaded()
            throw .noCredentials
        }
        guard key.scopes.contains(scope) else {
            throw IngestRefusal(403, "missing_scope", "The key has not the scope \(name).")
        }
        noteUse(of: key)
        return key
    }

    /// The key that a request carries; nil when it carries none or a wrong one.
    func key(of request: HTTPRequest) async throws(IngestRefusal) -> Directory.APIKey? {
        guard let header = request.headers["Authorization"], let token = Self.bearerToken(header) else { return nil }
        return try await key(SHA256.digest(token))
    }

    /// Looks like a key of ours: only such a one is worth a question to PostgreSQL.
    private static func bearerToken(_ header: String) -> [UInt8]? {
        let schemeBytes = 7
        var header = header
        return header.withUTF8 { bytes in
            guard bytes.count > schemeBytes + keyPrefix.utf8.count, bytes.count <= schemeBytes + keyBytesMax,
                zip(bytes, "bearer ".utf8).allSatisfy({ $0 | 0x20 == $1 | 0x20 }),
                zip(bytes[schemeBytes...], keyPrefix.utf8).allSatisfy({ $0 == $1 })
            else { return nil }
            return Array(bytes[schemeBytes...])
        }
    }

    private static let keyPrefix = "tk_live_"
    private static let keyBytesMax = 128
}
