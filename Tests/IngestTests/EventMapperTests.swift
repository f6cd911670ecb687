import Commissions
import Core
import Testing

@testable import Ingest

struct EventMapperTests {
    private func map(_ text: String, key: String? = nil) throws -> OrderEvent {
        try EventMapper(idempotencyKey: key).map(Array(text.utf8))
    }

    private func refusal(_ text: String) -> IngestRefusal? {
        do throws(IngestRefusal) {
            _ = try EventMapper().map(Array(text.utf8))
            return nil
        } catch {
            return error
        }
    }

    private func data(_ event: OrderEvent) -> String { String(decoding: event.data, as: UTF8.self) }

    @Test func anOrderIsMappedToMinorUnits() throws {
        let event = try map(
            #"""
            {"id":"e-1","type":"order.created","orderId":"o-1","occurredAt":"2025-11-03T10:30:00+09:00","currency":"USD",
             "orderAmount":"100.10","productPrice":50.05,"quantity":2,"referralCode":"PARTNER001","productId":"p",
             "customerId":"c","isNewCustomer":true,"sessionId":"s","fingerprint":"f","version":3,
             "lines":[{"id":"1","productId":"p","quantity":2,"net":"100.10"}]}
            """#)
        #expect(event.type == .created && event.eventID == "e-1" && event.orderID == "o-1")
        #expect(event.occurredAt?.rfc3339 == "2025-11-03T01:30:00.000Z")
        #expect(
            data(event)
                == #"{"version":3,"currency":"USD","orderAmount":10010,"referralCode":"PARTNER001","productId":"p","#
                + #""productPrice":5005,"quantity":2,"customerId":"c","isNewCustomer":true,"sessionId":"s","#
                + #""fingerprint":"f","lines":[{"id":"1","productId":"p","quantity":2,"net":10010}]}"#)
    }

    @Test func bothSpellingsSayTheSame() throws {
        let first = try map(
            #"{"id":"e","type":"order.created","orderId":"o","orderAmount":5,"clickId":"k","referralCode":"A"}"#)
        let second = try map(
            #"{"eventId":"e","type":"order.created","orderId":"o","orderValue":"5","referralClickId":"k","partnerId":"A"}"#
        )
        #expect(first.data == second.data && first.digest == second.digest)
    }

    @Test func twoSpellingsThatContradictAreRefused() {
        let refusal = refusal(#"{"id":"e","type":"order.created","orderId":"o","orderAmount":5,"orderValue":6}"#)
        #expect(refusal?.problems.map(\.field) == ["orderValue"])
    }

    @Test func theDigestIsOfTheFieldsNotOfTheBytes() throws {
        let first = try map(#"{"id":"e","type":"order.created","orderId":"o","orderAmount":5}"#)
        let respelled = try map(#"{ "orderAmount":"5.00", "orderId":"o", "type":"order.created", "id":"e", "x":1 }"#)
        let other = try map(#"{"id":"e","type":"order.created","orderId":"o","orderAmount":6}"#)
        let later = try map(
            #"{"id":"e","type":"order.created","orderId":"o","orderAmount":5,"timestamp":"2025-11-03T10:30:00Z"}"#)
        #expect(first.digest == respelled.digest)
        #expect(first.digest != other.digest)
        #expect(first.digest != later.digest)
    }

    @Test func aPartnersIDBecomesItsCode() throws {
        var directory = Directory()
        let partner = Directory.Partner(id: UUID(high: 1, low: 2), programme: "default", code: "ADA")
        directory.add(partner)
        let text = #"{"id":"e","type":"order.created","orderId":"o","orderAmount":5,"partnerId":"\#(partner.id)"}"#
        let event = try EventMapper(directory: directory).map(Array(text.utf8))
        #expect(data(event).contains(#""referralCode":"ADA""#))
    }

    @Test func everyTypeIsMapped() throws {
        #expect(data(try map(#"{"id":"e","type":"order.confirmed","orderId":"o"}"#)) == "{}")
        #expect(
            data(try map(#"{"id":"e","type":"order.cancelled","orderId":"o","reason":"no"}"#)) == #"{"reason":"no"}"#)
        let refund = try map(
            #"{"id":"e","type":"order.refunded","orderId":"o","refundId":"r","refundAmount":50000,"refundQuantity":0}"#)
        // The order's currency may not be known yet: the amount stays as it was written, less what means nothing.
        #expect(data(refund) == #"{"refundId":"r","amount":"50000","quantity":0}"#)
        let same = try map(
            #"{"id":"e","type":"order.refunded","orderId":"o","refundId":"r","refundAmount":"50000.00","refundQuantity":0}"#
        )
        #expect(same.digest == refund.digest)
        let named = try map(
            #"{"id":"e","type":"order.refunded","orderId":"o","refundId":"r","amount":"10.5","currency":"USD"}"#)
        #expect(data(named) == #"{"refundId":"r","currency":"USD","amount":1050}"#)
        let byLine = try map(
            #"{"id":"e","type":"order.refunded","orderId":"o","lines":[{"lineId":"1","amount":10.50}]}"#)
        #expect(data(byLine) == #"{"refundId":"e","lines":[{"lineId":"1","amount":"10.5"}]}"#)
        let lines = try map(
            #"{"id":"e","type":"order.refunded","orderId":"o","lines":[{"lineId":"1","quantity":2}],"currency":"USD"}"#)
        #expect(data(lines) == #"{"refundId":"e","currency":"USD","lines":[{"lineId":"1","quantity":2}]}"#)
        let removed = try map(#"{"id":"e","type":"order.refunded","orderId":"o","refundId":"r","removed":true}"#)
        #expect(data(removed) == #"{"refundId":"r","removed":true}"#)
    }

    /// What is accepted here can be stored there: the facts' own reader takes all of it.
    @Test(arguments: [
        #"{"id":"e","type":"order.created","orderId":"o","orderAmount":0}"#,
        #"{"id":"e","type":"order.updated","orderId":"o","orderAmount":"10000.00","currency":"KRW","version":9223372036854775807}"#,
        #"{"id":"e","type":"order.created","orderId":"o","orderAmount":"1000000000000.000","currency":"KWD","quantity":1000000000}"#,
        #"{"id":"e","type":"order.confirmed","orderId":"o"}"#,
        #"{"id":"e","type":"order.cancelled","orderId":"o"}"#,
        #"{"id":"e","type":"order.refunded","orderId":"o","refundQuantity":1,"removed":false}"#,
        #"{"id":"e","type":"order.refunded","orderId":"o","amount":1,"lines":[{"id":"1","amount":"1"}]}"#,
        #"{"id":"e","type":"order.refunded","orderId":"o","amount":"900000000000000.0001"}"#,
        #"{"id":"e","type":"order.refunded","orderId":"o","amount":"10.50","currency":"USD"}"#,
    ])
    func whatIsAcceptedIsAFact(text: String) throws {
        let event = try map(text)
        let kind = try #require(FactKind(eventType: event.type.rawValue))
        _ = try FactBody(
            kind: kind, data: JSON.parse(event.data), occurredAt: EpochMilliseconds(rawValue: 1))
    }

    @Test(arguments: [
        (#"{"orderId":1}"#, "orderId", "must be a string"),
        (#"{"orderId":""}"#, "orderId", "is required"),
        (#"{"orderAmount":"1.5"}"#, "orderAmount", "more decimals"),
        (#"{"orderAmount":"12345678901234567890"}"#, "orderAmount", "19 significant digits"),
        (#"{"orderAmount":1e3}"#, "orderAmount", "exponent"),
        (#"{"orderAmount":-1}"#, "orderAmount", "negative"),
        (#"{"orderAmount":"1000000000000001"}"#, "orderAmount", "too large"),
        (#"{"orderAmount":true}"#, "orderAmount", "number or a string"),
        (#"{"orderAmount":null}"#, "orderAmount", "is required"),
        (#"{"currency":"XYZ"}"#, "currency", "ISO 4217"),
        (#"{"currency":"usd"}"#, "currency", "ISO 4217"),
        (#"{"quantity":1.5}"#, "quantity", "whole number"),
        (#"{"quantity":-1}"#, "quantity", "from 0"),
        (#"{"isNewCustomer":"yes"}"#, "isNewCustomer", "true or false"),
        (#"{"occurredAt":"2025-11-03T10:30:00"}"#, "occurredAt", "offset"),
        (#"{"timestamp":1762165800}"#, "timestamp", "RFC 3339"),
        (#"{"version":"1"}"#, "version", "whole number"),
        (#"{"type":"order.shipped"}"#, "type", "order.created"),
        (#"{"type":null}"#, "type", "is required"),
        (#"{"lines":[{"id":"1","net":1},{"id":"1","net":1}]}"#, "lines[1].id", "twice"),
        (#"{"lines":[{"id":"1"}]}"#, "lines[0].net", "is required"),
        (#"{"lines":{}}"#, "lines", "array"),
        (#"{"lines":[1]}"#, "lines[0]", "object"),
    ])
    func aWrongFieldIsNamedWithTheReason(change: String, field: String, reason: String) throws {
        var base = try #require(
            JSON.parse(Array(#"{"id":"e","type":"order.created","orderId":"o","orderAmount":5}"#.utf8)).object)
        for member in try #require(JSON.parse(Array(change.utf8)).object).members { base[member.key] = member.value }
        let refusal = refusal(JSON.object(base).text)
        #expect(refusal?.status == 422 && refusal?.code == "invalid_event")
        #expect(refusal?.problems.first?.field == field)
        #expect(refusal?.problems.first?.reason.contains(reason) == true, "\(String(describing: refusal?.problems))")
    }

    @Test func everyProblemIsNamedAtOnce() {
        let refusal = refusal(#"{"id":"e","type":"order.created","orderId":7,"orderAmount":"x","currency":"ABC"}"#)
        #expect(Set(refusal?.problems.map(\.field) ?? []) == ["orderId", "orderAmount", "currency"])
    }

    @Test func anEventNeedsAnID() throws {
        let text = #"{"type":"order.confirmed","orderId":"o"}"#
        #expect(refusal(text)?.status == 400)
        #expect(refusal(text)?.code == "missing_event_id")
        #expect(try map(text, key: "from-the-header").eventID == "from-the-header")
    }

    @Test func aRefundMustSayHowMuch() {
        let refusal = refusal(#"{"id":"e","type":"order.refunded","orderId":"o","refundQuantity":0}"#)
        #expect(refusal?.problems.map(\.field) == ["refundAmount"])
    }

    @Test(arguments: [
        (#""refundAmount":"0.12345""#, "refundAmount", "more decimals than any currency"),
        (#""refundAmount":"-1""#, "refundAmount", "negative"),
        (#""refundAmount":"12345678901234567890""#, "refundAmount", "19 significant digits"),
        (#""refundAmount":true"#, "refundAmount", "number or a string"),
        (#""refundAmount":"1.5","currency":"KRW""#, "refundAmount", "more decimals than KRW"),
        (#""refundAmount":"1.5","currency":"won""#, "currency", "ISO 4217"),
        (#""lines":[{"lineId":"1","amount":"1,5"}]"#, "lines[0].amount", "not a decimal number"),
    ])
    func anAmountThatNoCurrencyCanHaveIsRefused(members: String, field: String, reason: String) {
        let refusal = refusal(#"{"id":"e","type":"order.refunded","orderId":"o",\#(members)}"#)
        #expect(refusal?.status == 422)
        #expect(refusal?.problems.map(\.field) == [field])
        #expect(refusal?.problems.first?.reason.contains(reason) == true, "\(String(describing: refusal?.problems))")
    }

    @Test(arguments: ["", "{", "[]", "7", #"{"id":"e","id":"e"}"#, #"{"id":"\#u{0}"}"#])
    func whatIsNoObjectIsMalformed(text: String) {
        #expect(refusal(text)?.status == 400)
    }

    @Test func cloudEventsAreRead() throws {
        let event = try map(
            #"""
            {"specversion":"1.0","id":"ce-1","source":"/shop","type":"com.example.order.created","subject":"o-9",
             "time":"2025-11-03T10:30:00Z","datacontenttype":"application/json; charset=utf-8",
             "data":{"orderAmount":100,"currency":"KRW"}}
            """#)
        #expect(event.type == .created && event.eventID == "ce-1" && event.orderID == "o-9")
        #expect(event.occurredAt?.rfc3339 == "2025-11-03T10:30:00.000Z")
        #expect(data(event) == #"{"currency":"KRW","orderAmount":100}"#)
    }

    @Test(arguments: [
        (#"{"specversion":"0.3"}"#, "specversion"), (#"{"source":null}"#, "source"),
        (#"{"datacontenttype":"text/xml"}"#, "datacontenttype"), (#"{"data_base64":"e30="}"#, "data_base64"),
        (#"{"data":"text"}"#, "data"), (#"{"time":"yesterday"}"#, "time"),
    ])
    func aBrokenCloudEventNamesItsField(change: String, field: String) throws {
        var base = try #require(
            JSON.parse(
                Array(
                    #"{"specversion":"1.0","id":"e","source":"/s","type":"order.confirmed","data":{"orderId":"o"}}"#
                        .utf8)
            ).object)
        for member in try #require(JSON.parse(Array(change.utf8)).object).members { base[member.key] = member.value }
        #expect(refusal(JSON.object(base).text)?.problems.contains { $0.field == field } == true)
    }
}
