import Commissions
import Core
import Testing

@testable import Ingest

struct ShopifyAdapterTests {
    private func read(_ topic: String, _ text: String) throws -> HookReading {
        ShopifyAdapter.read(topic: topic, try JSON.parse(Array(text.utf8)))
    }

    /// An order with one line of two units, a discount and tax.
    private func order(_ change: String = "{}") throws -> String {
        var order = try #require(
            JSON.parse(
                Array(
                    #"""
                    {"id":1001,"currency":"USD","created_at":"2025-11-03T10:00:00+09:00",
                     "updated_at":"2025-11-03T10:05:00+09:00","processed_at":"2025-11-03T10:00:01+09:00",
                     "financial_status":"pending","total_price":"112.00","subtotal_price":"90.00","total_tax":"9.00",
                     "taxes_included":false,"cancelled_at":null,"customer":{"id":77,"orders_count":1},
                     "line_items":[{"id":11,"product_id":5,"quantity":2,"price":"50.00",
                       "discount_allocations":[{"amount":"10.00"}],"tax_lines":[{"price":"9.00"}]}],
                     "note_attributes":[],"discount_codes":[],"landing_site":"/","refunds":[]}
                    """#.utf8)
            ).object)
        for member in try #require(JSON.parse(Array(change.utf8)).object).members { order[member.key] = member.value }
        return JSON.object(order).text
    }

    @Test func theBaseIsTheItemsAfterDiscountsWithoutTaxAndShipping() throws {
        let order = try #require(try read("orders/create", try order()).orders.first)
        #expect(order.id == "1001" && order.isCreation)
        #expect(order.fields.orderAmount == 11200 && order.fields.base == 9000)
        #expect(order.fields.lines == [OrderFields.Line(id: "11", productID: "5", quantity: 2, net: 9000)])
        #expect(order.fields.productID == "5" && order.fields.productPrice == 5000 && order.fields.quantity == 2)
        #expect(order.fields.customerID == "77" && order.fields.isNewCustomer == true)
        #expect(order.createdAt.rfc3339 == "2025-11-03T01:00:00.000Z")
        #expect(order.confirmedAt == nil && order.cancellation == nil && order.refunds.isEmpty)
    }

    @Test func taxIncludedInPricesIsTakenOut() throws {
        let order = try #require(try read("orders/create", try order(#"{"taxes_included":true}"#)).orders.first)
        #expect(order.fields.base == 8100 && order.fields.lines[0].net == 8100)
    }

    @Test func wonWithTrailingZerosIsRead() throws {
        let text = try order(
            #"{"currency":"KRW","total_price":"10000.00","subtotal_price":"10000.00","line_items":[]}"#)
        let order = try #require(try read("orders/create", text).orders.first)
        #expect(order.fields.orderAmount == 10_000 && order.fields.base == 10_000)
    }

    @Test(arguments: [
        ("orders/create", "paid", true), ("orders/updated", "paid", true), ("orders/paid", "paid", true),
        ("orders/updated", "partially_refunded", true), ("orders/updated", "refunded", true),
        ("orders/updated", "authorized", false), ("orders/updated", "voided", false),
        // The topic is not signed: a pending order does not become a paid one by it.
        ("orders/paid", "pending", false),
    ])
    func thePaymentIsWhatTheOrderSays(topic: String, status: String, isConfirmed: Bool) throws {
        let order = try #require(try read(topic, try order(#"{"financial_status":"\#(status)"}"#)).orders.first)
        #expect((order.confirmedAt != nil) == isConfirmed)
        // The same time in every payload.
        if isConfirmed { #expect(order.confirmedAt?.rfc3339 == "2025-11-03T01:00:01.000Z") }
    }

    @Test func aCancellationCarriesItsTimeAndReason() throws {
        let text = try order(#"{"cancelled_at":"2025-11-04T00:00:00Z","cancel_reason":"customer"}"#)
        for topic in ["orders/cancelled", "orders/updated"] {
            let order = try #require(try read(topic, text).orders.first)
            #expect(order.cancellation?.reason == "customer")
            #expect(order.cancellation?.at.rfc3339 == "2025-11-04T00:00:00.000Z")
        }
    }

    private static let refund = #"""
        {"id":900,"order_id":1001,"created_at":"2025-11-05T00:00:00Z",
         "refund_line_items":[{"line_item_id":11,"quantity":1,"subtotal":"45.00","total_tax":"0.00"}],
         "transactions":[{"kind":"refund","status":"success","amount":"45.00","currency":"USD"}]}
        """#

    @Test func aRefundSaysTheSameWhereverItStands() throws {
        let alone = try #require(try read("refunds/create", Self.refund).refunds.first)
        let wrapped = try #require(try read("refunds/create", #"{"refund":\#(Self.refund)}"#).refunds.first)
        let listed = try #require(
            try read("orders/updated", try order(#"{"refunds":[\#(Self.refund)]}"#)).orders.first)
        #expect(alone.orderID == "1001" && alone == wrapped)
        let line = RefundFields.Line(lineID: "11", quantity: 1, amount: 4500)
        #expect(alone.refunds.first?.refund.lines == [line])
        #expect(listed.refunds == alone.refunds)
        let first = ShopOrder.events(of: alone.refunds, order: alone.orderID)
        let second = listed.events(referralCode: nil).filter { $0.type == .refunded }
        #expect(first.map(\.eventID) == second.map(\.eventID) && first.map(\.digest) == second.map(\.digest))
    }

    @Test func withTaxARefundCountsByItsUnits() throws {
        let text = Self.refund.replacing("\"0.00\"", with: "\"4.50\"")
        let refund = try #require(try read("refunds/create", text).refunds.first?.refunds.first)
        #expect(refund.refund.lines == [RefundFields.Line(lineID: "11", quantity: 1, amount: nil)])
    }

    @Test func aRefundWithoutItemsIsWhatWasPaidBackLessShipping() throws {
        let text = #"""
            {"id":901,"order_id":1001,"created_at":"2025-11-05T00:00:00Z","refund_line_items":[],
             "transactions":[{"kind":"refund","status":"success","amount":"20.00","currency":"USD"},
                             {"kind":"refund","status":"failure","amount":"99.00","currency":"USD"}],
             "order_adjustments":[{"kind":"shipping_refund","amount":"-5.00","tax_amount":"-0.50"}]}
            """#
        let refund = try #require(try read("refunds/create", text).refunds.first?.refunds.first?.refund)
        #expect(refund.amount == 1450 && refund.currency?.code == "USD")
        let shippingOnly = text.replacing("20.00", with: "5.50")
        let loose = try #require(try read("refunds/create", shippingOnly).refunds.first)
        #expect(loose.refunds.isEmpty)
    }

    @Test func theCodeIsFoundInEachPlace() throws {
        let text = try order(
            #"""
            {"note_attributes":[{"name":"Referral Code","value":"NOTE"},{"name":"colour","value":"green"}],
             "landing_site":"/shop?utm=1&ref=LAND%21#top","reference":"REFERENCE","landing_site_ref":"SITE",
             "discount_codes":[{"code":"TENOFF"},{"code":"ADA10"}]}
            """#)
        let codes = try #require(try read("orders/create", text).orders.first).codes
        func sorted(_ places: String...) -> [String] { ReferralCandidate.sorted(codes, by: places).map(\.code) }
        #expect(sorted("note_attributes") == ["NOTE"])
        #expect(sorted("landing_site") == ["LAND!", "SITE"])
        #expect(sorted("reference", "nonsense") == ["REFERENCE"])
        #expect(sorted("discount_code", "note_attributes") == ["TENOFF", "ADA10", "NOTE"])
    }

    @Test func clicksAndSessionsAreNotedToo() throws {
        let click = UUID(high: 1, low: 2).description
        let text = try order(
            #"{"note_attributes":[{"name":"_click_id","value":"\#(click)"}],"landing_site":"/?session_id=s-1"}"#)
        let order = try #require(try read("orders/create", text).orders.first)
        #expect(order.fields.clickID == click && order.fields.sessionID == "s-1")
    }

    @Test(arguments: [
        ("orders/delete", #"{"id":1}"#, "topic_not_used"), ("", "{}", "topic_not_used"),
        ("orders/create", "{}", "missing_field: id"), ("orders/create", "[]", "missing_field: id"),
        ("orders/create", #"{"id":1,"test":true}"#, "test_order"),
        ("orders/create", #"{"id":1,"currency":"ZZZ"}"#, "unknown_currency: currency"),
        ("orders/create", #"{"id":1,"currency":"USD","created_at":"x"}"#, "invalid_field: created_at"),
        (
            "orders/create", #"{"id":1,"currency":"USD","created_at":"2025-11-05T00:00:00Z","total_price":"1.001"}"#,
            "invalid_amount: total_price: more decimals than the unit has"
        ), ("refunds/create", #"{"id":1}"#, "missing_field: order_id"),
        (
            "refunds/create", #"{"id":1,"order_id":1,"created_at":"2025-11-05T00:00:00Z"}"#, "missing_field: currency"
        ),
    ])
    func whatCannotBeUsedSaysWhy(topic: String, text: String, reason: String) throws {
        let reading = try read(topic, text)
        #expect(reading.orders.isEmpty && reading.refunds.isEmpty)
        #expect(reading.problems.map(\.description) == [reason])
    }

    @Test func aBadRefundSpoilsNotItsOrder() throws {
        let order = try #require(
            try read("orders/updated", try order(#"{"refunds":[{"order_id":1},\#(Self.refund)]}"#)).orders.first)
        #expect(order.refunds.count == 1 && order.problems.map(\.code) == ["missing_field"])
    }

    @Test func whatIsSentAgainIsTheSameEvents() throws {
        let paid = try order(#"{"financial_status":"paid","refunds":[\#(Self.refund)]}"#)
        let first = try #require(try read("orders/updated", paid).orders.first).events(referralCode: "A")
        let again = try #require(try read("orders/updated", paid).orders.first).events(referralCode: "A")
        #expect(first.map(\.type) == [.updated, .confirmed, .refunded])
        #expect(first.map(\.eventID) == again.map(\.eventID) && first.map(\.digest) == again.map(\.digest))
        // A later change of the order leaves its payment and its refund the events they were.
        let later = try order(
            #"{"financial_status":"paid","refunds":[\#(Self.refund)],"updated_at":"2025-11-06T00:00:00Z"}"#)
        let changed = try #require(try read("orders/updated", later).orders.first).events(referralCode: "A")
        #expect(changed[0].eventID != first[0].eventID)
        #expect(changed.dropFirst().map(\.eventID) == first.dropFirst().map(\.eventID))
    }

    // MARK: What Shopify really sends

    private func facts(_ events: [OrderEvent]) throws -> OrderState {
        try reduce(
            events.enumerated().map { index, event in
                let kind = try #require(FactKind(eventType: event.type.rawValue))
                let at = try #require(event.occurredAt)
                let body = try FactBody(kind: kind, data: try JSON.parse(event.data), occurredAt: at)
                return OrderFact(
                    seq: Int64(index + 1), key: body.key(digest: event.digest, occurredAt: at), digest: event.digest,
                    occurredAt: at, acceptedAt: at, body: body)
            })
    }

    @Test func aRealOrderAndItsRefundAreFacts() throws {
        guard let order = try TestData.json("shopify-order.json"), let refund = try TestData.json("shopify-refund.json")
        else { return }
        let reading = ShopifyAdapter.read(topic: "orders/create", order)
        #expect(reading.problems.isEmpty)
        let mapped = try #require(reading.orders.first)
        #expect(mapped.id == "450789469" && mapped.fields.orderAmount == 40994 && mapped.fields.base == 39800)
        #expect(mapped.fields.lines.map(\.net) == [19900, 19900, 19900])
        #expect(mapped.codes.map(\.code) == ["abc", "fhwdgads", "TENOFF"])
        #expect(mapped.confirmedAt == nil)
        let loose = try #require(ShopifyAdapter.read(topic: "refunds/create", refund).refunds.first)
        #expect(loose.orderID == "450789469" && loose.refunds[0].refund.refundID == "509562969")
        #expect(loose.refunds[0].refund.lines.map(\.quantity) == [1, 1])
        let state = try facts(
            mapped.events(referralCode: nil) + ShopOrder.events(of: loose.refunds, order: loose.orderID))
        // Two of three equal lines of a base of 398.00.
        #expect(state.refunded?.base == 39800)
        #expect(abs((state.refunded?.net ?? 0) - 13267) <= 1)
    }

    @Test func aRealListOfOrdersIsRead() throws {
        guard let list = try TestData.json("shopify-orders.json") else { return }
        let reading = ShopifyAdapter.read(topic: "orders/updated", list)
        #expect(reading.problems.isEmpty)
        let order = try #require(reading.orders.first)
        #expect(order.confirmedAt != nil && order.fields.orderAmount == 59894 && order.fields.base == 59700)
        #expect(try facts(order.events(referralCode: nil)).conversion != .pending)
    }
}
