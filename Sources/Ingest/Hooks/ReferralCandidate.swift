import Core
import HTTPServer

/// A referral code that an order may carry, and where it stood.
struct ReferralCandidate: Hashable {
    /// The places, by the words of `hook_sources.code_from`.
    enum Place: String, CaseIterable {
        /// Shopify's note attributes, WooCommerce's meta data: what the shop's page noted at the checkout.
        case noteAttributes = "note_attributes"
        case metaData = "meta_data"
        /// The query of the page on which the visitor arrived.
        case landingSite = "landing_site"
        /// What the platform itself calls the order's reference.
        case reference
        /// A discount code that is a partner's referral code too.
        case discountCode = "discount_code"

        /// Whether whoever wrote it there meant a referral code. A discount code is one only if a partner has it.
        var meansReferral: Bool { self != .discountCode }
    }

    let place: Place
    let code: String

    init?(_ place: Place, _ code: String?) {
        guard let code = code.map({ String($0.trimmed) }), (1...64).contains(code.utf8.count) else { return nil }
        self.place = place
        self.code = code
    }

    /// Sorted by the source's preference; places it does not name are left out.
    static func sorted(_ candidates: [ReferralCandidate], by codeFrom: [String]) -> [ReferralCandidate] {
        codeFrom.flatMap { word in
            let place = Place(rawValue: word)
            return candidates.filter { candidate in
                candidate.place == place
                    || [candidate.place, place].allSatisfy { $0 == .noteAttributes || $0 == .metaData }
            }
        }
    }
}

/// What pages write into an order's attributes or into links, under the names in use.
struct VisitorNotes {
    private(set) var code: String?
    private(set) var clickID: String?
    private(set) var sessionID: String?
    private(set) var fingerprint: String?

    private static let codeNames: Set<String> = [
        "ref", "referral", "referral_code", "referralcode", "ref_code", "refcode", "referrer_code", "partner",
        "partner_code", "partnercode", "affiliate", "affiliate_code", "aff", "aff_code", "code",
    ]
    private static let clickNames: Set<String> = [
        "click_id", "clickid", "referral_click_id", "referralclickid", "tributary_click_id",
    ]
    private static let sessionNames: Set<String> = ["session_id", "sessionid", "tributary_session_id"]
    private static let fingerprintNames: Set<String> = ["fingerprint", "tributary_fingerprint"]

    init(_ pairs: [(name: String, value: String)]) {
        for (name, value) in pairs where !value.isEmpty {
            let name = Self.normal(name)
            if Self.codeNames.contains(name) { code = code ?? value }
            if Self.clickNames.contains(name), UUID(value) != nil { clickID = clickID ?? value }
            if Self.sessionNames.contains(name) {
                sessionID = sessionID ?? value.cut(toBytes: IngestLimits.textBytesMax)
            }
            if Self.fingerprintNames.contains(name) {
                fingerprint = fingerprint ?? value.cut(toBytes: IngestLimits.textBytesMax)
            }
        }
    }

    /// The query of a link; nothing for what has none.
    init(link: String?) {
        guard let link, let mark = link.utf8.firstIndex(of: UInt8(ascii: "?")) else {
            self.init([])
            return
        }
        let query = link.utf8[link.utf8.index(after: mark)...].prefix { $0 != UInt8(ascii: "#") }
        self.init(FormFields.parse(Array(query)).map { (name: $0.0, value: $0.1) })
    }

    /// Lower case, `_` for spaces and hyphens, none in front.
    private static func normal(_ name: String) -> String {
        let name = name.lowercased().map { $0 == " " || $0 == "-" ? "_" : $0 }
        return String(name.drop { $0 == "_" })
    }

    func fill(_ fields: inout OrderFields) {
        fields.clickID = fields.clickID ?? clickID
        fields.sessionID = fields.sessionID ?? sessionID
        fields.fingerprint = fields.fingerprint ?? fingerprint
    }
}
