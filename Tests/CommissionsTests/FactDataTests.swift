import Commissions
import Core
import Testing

@Suite("Facts as data")
struct FactDataTests {
    private let act = OperatorAct(id: uuid(9), partnerID: partner, by: "admin-1", reason: "because")

    private var bodies: [FactBody] {
        var full = order(
            100, kwd, version: 3, base: 90, click: uuid(4), product: "p", quantity: 2, customer: "c", isNew: true,
            lines: [
                OrderLine(id: "a", productID: "p", quantity: 2, net: 90), OrderLine(id: "b", productID: nil, net: 0),
            ])
        full.productPrice = 50
        full.sessionID = "s"
        full.fingerprint = "f"
        let everywhere = OperatorAct(id: uuid(8), partnerID: nil, by: "admin-1", reason: "")
        return [
            .created(full), .updated(order(1)), .confirmed, .cancelled(reason: "x"), .cancelled(reason: nil),
            .refund(Refund(refundID: "r", version: 2, amount: 5, quantity: 0)),
            .refund(
                Refund(
                    refundID: "r", lines: [RefundLine(lineID: "a", quantity: 1), RefundLine(lineID: "b", amount: 3)])),
            .refund(Refund(refundID: "r", version: 9, isRemoved: true)),
            touch(1).body, touch(2, isValid: false).body, .attribution(act), .cancellation(everywhere),
            .adjustment(Adjustment(act: act, partnerID: partner, newAmount: 7, netBase: 100)),
            .dispute(Dispute(act: act, partnerID: partner, outcome: .stands)),
            .dispute(Dispute(act: act, partnerID: partner, outcome: .cancelled)),
            .dispute(Dispute(act: act, partnerID: partner, outcome: .adjusted(newAmount: 1, netBase: 2))),
            .hold(act), .release(act), .writeOff(WriteOff(act: act, amount: 4)),
            .payout(Payout(act: act, amount: 4, method: "bank_transfer", reference: "TXN-1")),
        ]
    }

    @Test func `every body survives its column`() throws {
        for body in bodies {
            let data = try JSON.parse(body.data.serialized())
            #expect(try FactBody(kind: body.kind, data: data, occurredAt: instant(orderTime)) == body)
        }
        #expect(Set(bodies.map(\.kind)) == Set(FactKind.allCases))
    }

    @Test func `keys tell facts apart and name the same thing the same`() {
        let keys = bodies.map { "\($0.kind) \($0.key(digest: digest(of: $0), occurredAt: instant(orderTime)))" }
        // One operator's act stands in several bodies here; they differ by kind, except the three disputes.
        #expect(Set(keys).count == keys.count - 2)
    }

    @Test func `what an event leaves out has its default`() throws {
        let data: JSON = ["currency": "KRW", "orderAmount": 1000, "referralCode": "", "clickId": nil]
        let body = try FactBody(kind: .created, data: data, occurredAt: instant(77))
        #expect(body.version?.version == 77)
        #expect(body.version?.referralCode == nil)
        let refund = try FactBody(kind: .refund, data: ["refundId": "r", "amount": 5], occurredAt: instant(78))
        #expect(refund == .refund(Refund(refundID: "r", version: 78, amount: 5)))
    }

    @Test(arguments: [
        (FactKind.created, #"{"orderAmount":1}"#, FactError.missing(field: "currency")),
        (.created, #"{"currency":"XXQ","orderAmount":1}"#, .unknownCurrency(field: "currency")),
        (.created, #"{"currency":"KRW","orderAmount":-1}"#, .outOfRange(field: "orderAmount")),
        (.created, #"{"currency":"KRW","orderAmount":1.5}"#, .malformed(field: "orderAmount")),
        (.created, #"{"currency":"KRW","orderAmount":1000000000000001}"#, .outOfRange(field: "orderAmount")),
        (.created, #"{"currency":"KRW","orderAmount":1,"lines":[{"id":"a"}]}"#, .missing(field: "lines[0].net")),
        (
            .created, #"{"currency":"KRW","orderAmount":1,"lines":[{"id":"a","net":1},{"id":"a","net":1}]}"#,
            .malformed(field: "lines")
        ),
        (.refund, #"{"refundId":"r","quantity":0}"#, .emptyRefund),
        (.refund, #"{"amount":1}"#, .missing(field: "refundId")),
        (.touch, #"{"clickId":"no"}"#, .malformed(field: "clickId")),
        (.confirmed, "[]", .malformed(field: "data")),
    ])
    func `bad data is refused by field`(kind: FactKind, text: String, expected: FactError) throws {
        let data = try JSON.parse(Array(text.utf8))
        #expect(throws: expected) { try FactBody(kind: kind, data: data, occurredAt: instant(0)) }
        #expect(!expected.code.isEmpty && !expected.description.isEmpty)
    }

    @Test func `events of order systems have their kind`() {
        #expect(FactKind(eventType: "order.refunded") == .refund)
        #expect(FactKind(eventType: "touch") == nil)
    }

    @Test func `an attribution copies the touches that decided`() throws {
        let facts = [fact(.created(order(1000))), touch(1)]
        let data = try #require(priced(facts, context([])).attribution?.data)
        #expect(data["shares"]?[0]?["basisPoints"]?.integer == 10_000)
        #expect(data["touches"]?[0]?["clickId"]?.string == uuid(1).description)
    }
}
