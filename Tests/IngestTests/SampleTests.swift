import Core
import TestSupport
import Testing

@testable import Ingest

/// The orders of the demonstration, as the adapters read them.
struct SampleTests {
    private func steps(_ name: String) throws -> [(topic: String, payload: JSON)] {
        let file = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        let text = String(decoding: try #require(readFile("\(file)/ops/samples/\(name).json")), as: UTF8.self)
            .replacing("@NUMBER@", with: "4711").replacing("@NOW@", with: "2026-11-20T10:00:00")
        let steps = try #require(try JSON.parse(Array(text.utf8))["steps"]?.array)
        return try steps.map { (try #require($0["topic"]?.string), try #require($0["payload"])) }
    }

    @Test func theShopifySampleIsUsedWhole() throws {
        let readings = try steps("shopify").map { ShopifyAdapter.read(topic: $0.topic, $0.payload) }
        #expect(readings.allSatisfy { $0.problems.isEmpty })
        let orders = readings.flatMap(\.orders)
        #expect(orders.map(\.fields.base) == [20_000, 20_000])
        #expect(orders.map { $0.confirmedAt != nil } == [false, true])
        #expect(orders[0].codes.first?.code == "GOLD001" && orders[0].fields.isNewCustomer == false)
        #expect(readings[2].refunds.first?.refunds.first?.refund.lines.map(\.amount) == [5000])
    }

    @Test func theWooCommerceSampleIsUsedWhole() throws {
        let readings = try steps("woocommerce").map { WooCommerceAdapter.read(topic: $0.topic, $0.payload) }
        #expect(readings.allSatisfy { $0.problems.isEmpty })
        let orders = readings.flatMap(\.orders)
        #expect(orders.map(\.fields.base) == [120_000, 120_000, 120_000])
        #expect(orders.map { $0.confirmedAt != nil } == [false, true, true])
        #expect(orders[2].refunds.map(\.refund.amount) == [30_750])
    }
}
