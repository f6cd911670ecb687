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
        let bytes = Array(header.utf8)
        let scheme = bytes.prefix(7)
        guard bytes.count > 7 + keyPrefix.count, bytes.count <= 7 + keyBytesMax,
            scheme.elementsEqual("bearer ".utf8, by: { $0 | 0x20 == $1 | 0x20 })
        else { return nil }
        let token = Array(bytes.dropFirst(7))
        return token.starts(with: keyPrefix) ? token : nil
    }

    private static var keyPrefix: [UInt8] { Array("tk_live_".utf8) }
    private static var keyBytesMax: Int { 128 }
}
