import Core
import Testing

@testable import Ingest

struct WooCommerceAdapterTests {
    private func read(_ topic: String, _ text: String) throws -> HookReading {
        WooCommerceAdapter.read(topic: topic, try JSON.parse(Array(text.utf8)))
    }

    private func order(_ change: String = "{}") throws -> String {
        var order = try #require(
            JSON.parse(
                Array(
                    #"""
                    {"id":727,"currency":"USD","status":"pending","total":"33.00","total_tax":"3.00",
                     "shipping_total":"10.00","date_created_gmt":"2025-11-03T01:00:00",
                     "date_modified_gmt":"2025-11-03T01:05:00","date_paid_gmt":null,"customer_id":9,
                     "line_items":[{"id":31,"product_id":93,"quantity":2,"subtotal":"24.00","total":"20.00"}],
                     "coupon_lines":[{"code":"ada10"}],"meta_data":[],"refunds":[]}
                    """#.utf8)
            ).object)
        for member in try #require(JSON.parse(Array(change.utf8)).object).members { order[member.key] = member.value }
        return JSON.object(order).text
    }

    private func mapped(_ topic: String = "order.updated", _ change: String = "{}") throws -> ShopOrder {
        let reading = try read(topic, try order(change))
        #expect(reading.problems.isEmpty)
        return try #require(reading.orders.first)
    }

    @Test func theBaseIsTheLinesAfterDiscounts() throws {
        let order = try mapped("order.created")
        #expect(order.id == "727" && order.isCreation)
        #expect(order.fields.orderAmount == 3300 && order.fields.base == 2000)
        #expect(order.fields.lines == [OrderFields.Line(id: "31", productID: "93", quantity: 2, net: 2000)])
        #expect(order.fields.productPrice == 1000 && order.fields.quantity == 2 && order.fields.customerID == "9")
        // `*_gmt` is UTC.
        #expect(order.createdAt.rfc3339 == "2025-11-03T01:00:00.000Z")
        #expect(order.codes.map(\.code) == ["ada10"])
        #expect(order.confirmedAt == nil && order.cancellation == nil)
    }

    @Test(arguments: [
        ("pending", false, false), ("on-hold", false, false), ("processing", true, false), ("completed", true, false),
        ("cancelled", false, true), ("failed", false, false), ("checkout-draft", false, false),
    ])
    func theStatusOfAnUnpaidOrderSaysWhatHappened(status: String, isConfirmed: Bool, isCancelled: Bool) throws {
        let order = try mapped("order.updated", #"{"status":"\#(status)"}"#)
        #expect((order.confirmedAt != nil) == isConfirmed && (order.cancellation != nil) == isCancelled)
    }

    @Test(arguments: ["processing", "completed", "cancelled", "failed", "refunded"])
    func aPaidOrderIsConfirmedSinceItsPayment(status: String) throws {
        let order = try mapped(
            "order.updated",
            #"{"status":"\#(status)","date_paid_gmt":"2025-11-03T01:02:00","refunds":[{"id":1,"total":"-1.00"}]}"#)
        #expect(order.confirmedAt?.rfc3339 == "2025-11-03T01:02:00.000Z")
        #expect((order.cancellation != nil) == ["cancelled", "failed"].contains(status))
    }

    @Test func refundsAreTakenFromTheList() throws {
        let order = try mapped(
            "order.updated",
            #"{"status":"processing","refunds":[{"id":726,"reason":"","total":"-10.00"},{"id":728,"total":"-0.50"}]}"#)
        #expect(order.refunds.map(\.refund.refundID) == ["726", "728"])
        #expect(order.refunds.map(\.refund.amount) == [1000, 50])
        // The next payload repeats them as the same events, though it is dated otherwise.
        let later = try mapped(
            "order.updated",
            #"{"date_modified_gmt":"2025-11-09T00:00:00","refunds":[{"id":726,"reason":"x","total":"-10.00"}]}"#)
        let first = ShopOrder.events(of: order.refunds, order: "727")
        let second = ShopOrder.events(of: later.refunds, order: "727")
        #expect(first[0].eventID == second[0].eventID && first[0].digest == second[0].digest)
    }

    @Test func aRefundWithItemsCountsByItsLines() throws {
        let order = try mapped(
            "order.updated",
            #"""
            {"refunds":[{"id":726,"amount":"11.00","line_items":[{"id":50,"quantity":-1,"total":"-10.00",
              "meta_data":[{"key":"_refunded_item_id","value":"31"}]},{"id":51,"quantity":0,"total":"0.00"}]}]}
            """#)
        #expect(order.refunds[0].refund.lines == [RefundFields.Line(lineID: "31", quantity: 1, amount: 1000)])
        #expect(order.refunds[0].refund.amount == nil)
    }

    @Test func theStatusRefundedWithoutAListIsAllOfIt() throws {
        let order = try mapped("order.updated", #"{"status":"refunded"}"#)
        #expect(order.refunds.map(\.refund.amount) == [3300])
        let listed = try mapped("order.updated", #"{"status":"refunded","refunds":[{"id":1,"total":"-33.00"}]}"#)
        #expect(listed.refunds.map(\.refund.refundID) == ["1"])
    }

    @Test func finerDecimalsOfALineAreRounded() throws {
        let order = try mapped(
            "order.updated", #"{"line_items":[{"id":31,"quantity":1,"total":"12.345678"},{"id":32,"total":"0.005"}]}"#)
        #expect(order.fields.lines.map(\.net) == [1235, 0])
    }

    @Test func theCodeIsInTheMetaDataOrThePageOfEntry() throws {
        let order = try mapped(
            "order.created",
            #"""
            {"meta_data":[{"key":"_referral_code","value":"META"},{"key":"x","value":{"a":1}},
              {"key":"_wc_order_attribution_session_entry","value":"https://shop.example/?aff=ENTRY&click_id=7"}]}
            """#)
        let sorted = ReferralCandidate.sorted(order.codes, by: ["note_attributes", "landing_site", "discount_code"])
        #expect(sorted.map(\.code) == ["META", "ENTRY", "ada10"])
        // What is no click id of ours proves nothing.
        #expect(order.fields.clickID == nil)
    }

    @Test(arguments: [
        ("order.deleted", #"{"id":1}"#, "topic_not_used"), ("product.updated", "{}", "topic_not_used"),
        ("order.updated", #"{"id":1,"currency":"USD"}"#, "missing_field: date_created_gmt"),
        ("order.updated", #"{"id":1,"currency":"USD","date_created_gmt":"x"}"#, "invalid_field: date_created_gmt"),
        (
            "order.updated", #"{"id":1,"currency":"USD","date_created_gmt":"2025-11-03T01:00:00"}"#,
            "missing_field: total"
        ),
    ])
    func whatCannotBeUsedSaysWhy(topic: String, text: String, reason: String) throws {
        #expect(try read(topic, text).problems.map(\.description) == [reason])
    }

    @Test func aRealOrderAndItsRefundAreRead() throws {
        guard var order = try TestData.json("woocommerce-order.json")?.object,
            let refund = try TestData.json("woocommerce-refund.json")
        else { return }
        order["refunds"] = .array([refund])
        for json in [JSON.object(order), ["order": .object(order)]] {
            let reading = WooCommerceAdapter.read(topic: "order.updated", json)
            #expect(reading.problems.isEmpty)
            let mapped = try #require(reading.orders.first)
            #expect(mapped.id == "727" && mapped.fields.orderAmount == 2935 && mapped.fields.base == 1800)
            #expect(mapped.fields.lines.map(\.net) == [600, 1200])
            #expect(mapped.createdAt.rfc3339 == "2017-03-22T19:28:02.000Z")
            #expect(mapped.confirmedAt?.rfc3339 == "2017-03-22T19:28:08.000Z")
            #expect(mapped.refunds.map(\.refund.refundID) == ["726"] && mapped.refunds[0].refund.amount == 1000)
            #expect(mapped.events(referralCode: nil).map(\.type) == [.updated, .confirmed, .refunded])
        }
    }
}
