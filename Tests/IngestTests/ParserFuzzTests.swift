import Core
import Fleet
import HTTPServer
import TestSupport
import Testing

@testable import Ingest

/// Whatever comes in is answered, never trapped on. The seed is printed; `TRIBUTARY_SEED` replays it.
struct ParserFuzzTests {
    private static let seeds: [String] = [
        #"{"id":"e","type":"order.created","orderId":"o","orderAmount":"1.5","currency":"USD","lines":[{"id":"1","net":1}]}"#,
        #"{"id":"e","type":"order.refunded","orderId":"o","refundId":"r","lines":[{"lineId":"1","quantity":1}]}"#,
        #"{"specversion":"1.0","id":"e","source":"/s","type":"order.confirmed","data":{"orderId":"o"}}"#,
        #"{"id":1,"currency":"USD","created_at":"2025-11-03T10:00:00Z","total_price":"1","taxes_included":true,"line_items":[{"id":1,"price":"9223372036854775807","quantity":1000000000,"tax_lines":[{"price":"1"}]}],"refunds":[{"id":1,"transactions":[{"kind":"refund","amount":"-5","currency":"USD"}]}]}"#,
        #"{"id":1,"currency":"KRW","status":"refunded","total":"-1","date_created_gmt":"2025-11-03T10:00:00","line_items":[{"id":1,"total":"1e9","quantity":-1}],"refunds":[{"id":1,"total":"-1"}]}"#,
    ]

    @Test func mutatedBodiesAreAnswered() {
        var random = SeededGenerator(seed: SeededGenerator.seedOfThisRun)
        for _ in 0..<4000 {
            let bytes = mutated(Array(Self.seeds[Int(random.next() % UInt64(Self.seeds.count))].utf8), &random)
            _ = try? EventMapper().map(bytes)
            _ = try? JSONElements.ofArray([UInt8(ascii: "[")] + bytes + [UInt8(ascii: "]")])
            _ = JSONElements.ofLines(bytes)
            guard let json = try? JSON.parse(bytes) else { continue }
            for topic in ["orders/create", "refunds/create"] {
                let reading = ShopifyAdapter.read(topic: topic, json)
                _ = reading.orders.flatMap { $0.events(referralCode: nil) }
            }
            _ = WooCommerceAdapter.read(topic: "order.updated", json).orders.flatMap { $0.events(referralCode: "A") }
        }
    }

    @Test func mutatedHeadersAreAnswered() {
        var random = SeededGenerator(seed: SeededGenerator.seedOfThisRun)
        let proxies = [AddressRange("0.0.0.0/0")].compactMap { $0 }
        for _ in 0..<4000 {
            let bytes = mutated(
                Array(#"for="[2001:db8::1]:80";by=x, 192.0.2.1:443, bot Mozilla/5.0 (https://x)"#.utf8), &random)
            let text = String(decoding: bytes, as: UTF8.self)
            var headers = HTTPHeaders()
            headers.add(random.next() % 2 == 0 ? "Forwarded" : "X-Forwarded-For", text)
            _ = ClientAddress(peer: "192.0.2.9", headers: headers, trusted: proxies)
            _ = BotFilter.reason(userAgent: text, headers: headers)
            _ = VisitorNotes(link: "/?" + text)
        }
    }

    private func mutated(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int(random.next() % 6) where !bytes.isEmpty {
            let place = Int(random.next() % UInt64(bytes.count))
            switch random.next() % 4 {
            case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(Array("{}[]\",:0-9e.\\".utf8)[Int(random.next() % 13)], at: place)
            default:
                bytes.replaceSubrange(place..<min(place + 8, bytes.count), with: bytes.prefix(Int(random.next() % 12)))
            }
        }
        return bytes
    }
}
