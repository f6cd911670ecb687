package import Core
import Crypto
package import JobQueue

/// A click as it travels from the ingest to the click worker: the row that will be written. Holds no raw address.
package struct Click: Hashable, Sendable {
    /// The kind of the jobs that carry clicks; the number is the version of the payload.
    package static let jobKind = "click.v1"

    /// Version 7, stamped in Redis' time; also the job's id.
    package var id: UUID
    package var programme: String
    package var partnerID: UUID
    package var referralCode: String
    package var productID: String?
    package var campaign: String?
    package var medium: String?
    package var source: String?
    package var sessionID: String?
    package var fingerprint: String?
    package var customerID: String?
    package var referer: String?
    package var status = ClickStatus.valid
    /// Why it was taken for a bot's.
    package var botReason: String?
    /// The click that a duplicate repeats.
    package var originalID: UUID?
    /// The address cut short: `203.0.113.0/24`, `2001:db8:1::/48`.
    package var addressPrefix: String?
    /// The keyed digest of the whole address.
    package var addressHash: [UInt8]?
    package var userAgent: String?
    package var clickedAt: EpochMilliseconds

    package init(id: UUID, partner: Directory.Partner, clickedAt: EpochMilliseconds) {
        self.id = id
        programme = partner.programme
        partnerID = partner.id
        referralCode = partner.code
        self.clickedAt = clickedAt
    }

    /// The job that carries it: it shares a shard with all clicks of its referral code.
    package func job() -> NewJob {
        var writer = DataWriter(capacity: 640)
        writer.set("v", 1)
        writer.set("id", id.description)
        writer.set("programme", programme)
        writer.set("partnerId", partnerID.description)
        writer.set("referralCode", referralCode)
        writer.set("productId", productID)
        writer.set("campaign", campaign)
        writer.set("medium", medium)
        writer.set("source", source)
        writer.set("sessionId", sessionID)
        writer.set("fingerprint", fingerprint)
        writer.set("customerId", customerID)
        writer.set("referer", referer)
        writer.set("status", status.rawValue)
        writer.set("botReason", botReason)
        writer.set("originalId", originalID?.description)
        writer.set("addressPrefix", addressPrefix)
        writer.set("addressHash", addressHash.map { Hex.encode($0) })
        writer.set("userAgent", userAgent)
        writer.set("clickedAt", clickedAt.rawValue)
        return NewJob(
            id: id.description, queue: .clicks, kind: Self.jobKind, payload: writer.end(), shardKey: referralCode)
    }

    /// Why a payload is no click; safe for logs.
    package struct Malformed: Error, CustomStringConvertible {
        package let description: String
    }

    /// Reads the payload of ``job()``.
    package init(payload: [UInt8]) throws(Malformed) {
        let json: JSON
        do { json = try JSON.parse(payload) } catch { throw Malformed(description: "payload: \(error)") }
        guard json["v"]?.integer == 1 else { throw Malformed(description: "v: only version 1 is known") }
        func required<Value>(_ key: String, _ value: Value?) throws(Malformed) -> Value {
            guard let value else { throw Malformed(description: "\(key): is missing or of another type") }
            return value
        }
        func uuid(_ key: String) -> UUID? { json[key]?.string.flatMap { UUID($0) } }
        id = try required("id", uuid("id"))
        programme = try required("programme", json["programme"]?.string)
        partnerID = try required("partnerId", uuid("partnerId"))
        referralCode = try required("referralCode", json["referralCode"]?.string)
        productID = json["productId"]?.string
        campaign = json["campaign"]?.string
        medium = json["medium"]?.string
        source = json["source"]?.string
        sessionID = json["sessionId"]?.string
        fingerprint = json["fingerprint"]?.string
        customerID = json["customerId"]?.string
        referer = json["referer"]?.string
        status = try required("status", json["status"]?.string.flatMap(ClickStatus.init))
        botReason = json["botReason"]?.string
        originalID = uuid("originalId")
        addressPrefix = json["addressPrefix"]?.string
        addressHash = json["addressHash"]?.string.flatMap { Hex.decode($0) }
        userAgent = json["userAgent"]?.string
        clickedAt = EpochMilliseconds(rawValue: try required("clickedAt", json["clickedAt"]?.integer))
        guard (originalID != nil) == (status == .duplicate), botReason == nil || status == .bot else {
            throw Malformed(description: "status: contradicts the other fields")
        }
    }
}
