package import Core

/// What the ingest knows by heart: keys, partners and hook sources. A value; it is replaced as a whole.
package struct Directory: Sendable {
    /// An order system's key. The key itself is never stored anywhere.
    package struct APIKey: Hashable, Sendable {
        package let id: UUID
        package let programme: String
        /// Who sends with it: bound to the key, never taken from a body.
        package let source: String
        package let scopes: Scopes
    }

    /// What a key may do. Unknown words are ignored.
    package struct Scopes: OptionSet, Hashable, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        package static let eventsWrite = Scopes(rawValue: 1)
        package static let eventsRead = Scopes(rawValue: 2)
        /// Exempt from the limit on clicks.
        package static let limitsSkip = Scopes(rawValue: 4)

        package static let words: [String: Scopes] = [
            "events:write": .eventsWrite, "events:read": .eventsRead, "limits:skip": .limitsSkip,
        ]

        package init(words: [String]) { self = words.reduce(into: []) { $0.formUnion(Self.words[$1] ?? []) } }

        var wordList: [String] { Self.words.filter { contains($0.value) }.keys.sorted() }
    }

    package struct Partner: Hashable, Sendable {
        package let id: UUID
        package let programme: String
        package let code: String
    }

    /// A shop that posts by its platform's webhooks.
    package struct HookSource: Hashable, Sendable {
        package let source: String
        package let programme: String
        package let platform: String
        /// Sealed under the master key of that name.
        package let sealedSecret: [UInt8]
        package let secretKeyID: String
        /// Where the referral code stands, in order of preference.
        package let codeFrom: [String]
    }

    private struct Code: Hashable {
        let programme: String
        let code: String
    }

    package private(set) var keys: [[UInt8]: APIKey] = [:]
    package private(set) var hooks: [String: HookSource] = [:]
    private var partnersByID: [UUID: Partner] = [:]
    private var partnersByCode: [Code: UUID] = [:]

    package init() {}

    package var partnerCount: Int { partnersByID.count }

    /// - Parameter hash: SHA-256 of the key's text.
    package func key(_ hash: [UInt8]) -> APIKey? { keys[hash] }

    package func partner(_ id: UUID) -> Partner? { partnersByID[id] }

    package func partner(code: String, programme: String) -> Partner? {
        partnersByCode[Code(programme: programme, code: code)].flatMap { partnersByID[$0] }
    }

    package func hook(_ source: String) -> HookSource? { hooks[source] }

    package mutating func add(_ key: APIKey, hash: [UInt8]) { keys[hash] = key }

    package mutating func remove(keyHash: [UInt8]) { keys[keyHash] = nil }

    package mutating func remove(hook source: String) { hooks[source] = nil }

    package mutating func add(_ partner: Partner) {
        partnersByID[partner.id] = partner
        partnersByCode[Code(programme: partner.programme, code: partner.code)] = partner.id
    }

    package mutating func add(_ hook: HookSource) { hooks[hook.source] = hook }

    package mutating func reserveCapacity(partners: Int) {
        partnersByID.reserveCapacity(partners)
        partnersByCode.reserveCapacity(partners)
    }
}
