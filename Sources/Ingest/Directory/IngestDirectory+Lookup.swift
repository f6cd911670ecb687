import Core

extension IngestDirectory {
    /// The directory; 503 before one is loaded.
    func loaded() throws(IngestRefusal) -> Directory {
        guard let current else { throw .noDirectory }
        return current
    }

    /// - Parameter hash: SHA-256 of the key's text.
    func key(_ hash: [UInt8]) async throws(IngestRefusal) -> Directory.APIKey? {
        if let key = try loaded().key(hash) { return key }
        guard case .key(let key) = try await misses.find(.key(hash)) else { return nil }
        return key
    }

    func partner(_ id: UUID) async throws(IngestRefusal) -> Directory.Partner? {
        if let partner = try loaded().partner(id) { return partner }
        guard case .partner(let partner) = try await misses.find(.partner(id)) else { return nil }
        return partner
    }

    func partner(code: String, programme: String) async throws(IngestRefusal) -> Directory.Partner? {
        if let partner = try loaded().partner(code: code, programme: programme) { return partner }
        guard case .partner(let partner) = try await misses.find(.code(programme: programme, code: code)) else {
            return nil
        }
        return partner
    }

    func hook(_ source: String) async throws(IngestRefusal) -> Directory.HookSource? {
        if let hook = try loaded().hook(source) { return hook }
        guard case .hook(let hook) = try await misses.find(.hook(source)) else { return nil }
        return hook
    }
}
