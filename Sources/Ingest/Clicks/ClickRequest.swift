import Core
import HTTPServer

/// A click as a browser posts it, mapped. Both forms of the partner are accepted: a referral code or a partner's id.
struct ClickRequest {
    enum Named: Hashable {
        case code(String)
        case partner(UUID)
    }

    let partner: Named
    /// The merchant, where an installation serves several.
    let programme: String
    let productID: String?
    let campaign: String?
    let medium: String?
    let source: String?
    let sessionID: String?
    let fingerprint: String?
    let customerID: String?
    let referer: String?

    init(_ request: HTTPRequest) throws(IngestRefusal) {
        let json: JSON
        do { json = try JSON.parse(request.body) } catch { throw .malformedJSON(error) }
        guard let object = json.object else {
            throw IngestRefusal(400, "invalid_click", "A click is a JSON object.")
        }
        var fields = FieldReader(object)
        let code = fields.text("referralCode", bytesMax: 64)
        let partnerID = fields.text("partnerId", bytesMax: 64)
        programme = fields.text("programme", bytesMax: 63) ?? "default"
        productID = fields.text("productId")
        campaign = fields.text("campaign")
        medium = fields.text("medium")
        source = fields.text("source")
        sessionID = fields.text("sessionId")
        fingerprint = fields.text("fingerprint")
        customerID = fields.text("customerId")
        referer = (fields.text("referer", bytesMax: 8192) ?? request.headers["Referer"]).map {
            $0.cut(toBytes: IngestLimits.textBytesMax)
        }
        if code == nil, partnerID == nil, fields.problems.isEmpty {
            fields.refuse("referralCode", "is required: a referral code, or partnerId")
        }
        guard fields.problems.isEmpty, let name = code ?? partnerID else {
            throw IngestRefusal(
                422, "invalid_click", "The click cannot be accepted as it is.", problems: fields.problems)
        }
        partner = code == nil ? UUID(name).map(Named.partner) ?? .code(name) : .code(name)
    }
}

extension String {
    /// At most so many bytes of it, cut between two characters.
    func cut(toBytes bytesMax: Int) -> String {
        if utf8.count <= bytesMax { return self }
        var end = utf8.index(startIndex, offsetBy: bytesMax)
        while end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
        return String(self[..<end])
    }
}
