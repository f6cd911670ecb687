import Core
import Crypto

/// A part of the directory as it stands in Redis: one JSON object of up to ``entriesMax`` entries.
///
/// `{"keys":[[hash,id,programme,source,[scope…]]…],"partners":[[id,programme,code]…],"hooks":[[source,programme,platform,
/// sealed secret,key id,[where…]]…]}`; hashes in hex, secrets in base64.
struct DirectoryChunk: Sendable {
    static let entriesMax = 2000

    var keys: [(hash: [UInt8], key: Directory.APIKey)] = []
    var partners: [Directory.Partner] = []
    var hooks: [Directory.HookSource] = []

    var count: Int { keys.count + partners.count + hooks.count }

    var bytes: [UInt8] {
        let json: JSON = [
            "keys": .array(
                keys.map { hash, key in
                    [
                        .string(Hex.encode(hash)), .string(key.id.description), .string(key.programme),
                        .string(key.source), .array(key.scopes.wordList.map(JSON.string)),
                    ]
                }),
            "partners": .array(
                partners.map { [.string($0.id.description), .string($0.programme), .string($0.code)] }),
            "hooks": .array(
                hooks.map { hook in
                    [
                        .string(hook.source), .string(hook.programme), .string(hook.platform),
                        .string(Base64.encode(hook.sealedSecret)), .string(hook.secretKeyID),
                        .array(hook.codeFrom.map(JSON.string)),
                    ]
                }),
        ]
        return json.serialized()
    }

    init() {}

    /// `nil` for what is no chunk: another release's, or damage.
    init?(_ bytes: [UInt8]) {
        guard let json = JSON(validating: bytes), let keys = json["keys"]?.array,
            let partners = json["partners"]?.array, let hooks = json["hooks"]?.array
        else { return nil }
        for key in keys {
            guard let hash = key[0]?.string.flatMap({ Hex.decode($0) }), let id = key[1]?.string.flatMap({ UUID($0) }),
                let programme = key[2]?.string, let source = key[3]?.string, let scopes = key[4]?.array
            else { return nil }
            let value = Directory.APIKey(
                id: id, programme: programme, source: source,
                scopes: Directory.Scopes(words: scopes.compactMap(\.string)))
            self.keys.append((hash, value))
        }
        for partner in partners {
            guard let id = partner[0]?.string.flatMap({ UUID($0) }), let programme = partner[1]?.string,
                let code = partner[2]?.string
            else { return nil }
            self.partners.append(Directory.Partner(id: id, programme: programme, code: code))
        }
        for hook in hooks {
            guard let source = hook[0]?.string, let programme = hook[1]?.string, let platform = hook[2]?.string,
                let secret = hook[3]?.string.flatMap({ Base64.decode($0) }), let keyID = hook[4]?.string,
                let codeFrom = hook[5]?.array
            else { return nil }
            self.hooks.append(
                Directory.HookSource(
                    source: source, programme: programme, platform: platform, sealedSecret: secret, secretKeyID: keyID,
                    codeFrom: codeFrom.compactMap(\.string)))
        }
    }

    func add(to directory: inout Directory) {
        for (hash, key) in keys { directory.add(key, hash: hash) }
        for partner in partners { directory.add(partner) }
        for hook in hooks { directory.add(hook) }
    }
}
