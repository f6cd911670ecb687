import Core
import Crypto
import Testing

@Suite struct UUIDTests {
    private let text = "2ed6657d-e927-568b-95e1-2665a8aea6a2"

    @Test func itIsReadAndWrittenInTheHyphenatedForm() throws {
        let id = try #require(UUID(text))
        #expect(id.high == 0x2ED6_657D_E927_568B)
        #expect(id.low == 0x95E1_2665_A8AE_A6A2)
        #expect(id.description == text)
        #expect(UUID(text.uppercased()) == id)
        #expect(UUID(bytes: id.bytes) == id)
        #expect(id.bytes.first == 0x2E && id.bytes.last == 0xA2)
    }

    @Test(arguments: [
        "", "2ed6657de927568b95e12665a8aea6a2", "{2ed6657d-e927-568b-95e1-2665a8aea6a}",
        "2ed6657d-e927-568b-95e1-2665a8aea6ag", "2ed6657d-e927-568b-95e1-2665a8aea6a",
        "2ed6657de-927-568b-95e1-2665a8aea6a2",
        "2ed6657d-e927-568b-95e1-2665a8aea6a22",
    ])
    func otherFormsAreRefused(text: String) { #expect(UUID(text) == nil) }

    @Test(arguments: [0, 15, 17]) func itHasSixteenBytes(count: Int) {
        #expect(UUID(bytes: [UInt8](repeating: 0, count: count)) == nil)
    }

    @Test func theOrderIsThatOfTheBytes() {
        #expect(UUID(high: 1, low: 0) > UUID(high: 0, low: .max))
        #expect(UUID(high: 0, low: 1 << 63) > UUID(high: 0, low: 1))
    }

    @Test func version7IsTheExampleOfTheRFC() throws {
        // RFC 9562, appendix A.6.
        let instant = EpochMilliseconds(rawValue: 0x017F_22E2_79B0)
        let id = UUID.version7(at: instant, random: (0xCC3, 0x18C4_DC0C_0C07_398F))
        #expect(id.description == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
        #expect(id.version7Time == instant)
        #expect(UUID.version7(at: instant, random: (.max, .max)).description == "017f22e2-79b0-7fff-bfff-ffffffffffff")
    }

    @Test func version7OrdersByTimeAndDiffersWithinAMillisecond() {
        let start: Int64 = 1_762_165_800_000
        let ids = (0..<1000).map { UUID.version7(at: EpochMilliseconds(rawValue: start + $0)) }
        #expect(ids == ids.sorted())
        let same = (0..<1000).map { _ in UUID.version7(at: EpochMilliseconds(rawValue: start)) }
        #expect(Set(same).count == 1000)
        #expect(same.allSatisfy { $0.version == 7 && $0.version7Time?.rawValue == start })
    }

    @Test func otherVersionsHaveNoTime() throws { #expect(try #require(UUID(text)).version7Time == nil) }

    @Test func version5IsTheExampleOfTheRFC() throws {
        // RFC 9562, appendix A.4.
        let dns = try #require(UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8"))
        #expect(UUID.version5(namespace: dns, name: bytes("www.example.com")).description == text)
    }

    @Test func derivedIdentifiersNeverChange() {
        // Computed by Python's uuid.uuid5 over "5:order,7:default,6:shop-1,9:order-001,".
        #expect(
            UUID.derived("order", "default", "shop-1", "order-001").description
                == "9d73aa69-586d-5b46-9c1b-54f01386b6dc")
        #expect(UUID.derived("order", "ab", "c") != UUID.derived("order", "a", "bc"))
        #expect(UUID.derived("order", "a,1:b") != UUID.derived("order", "a", "b"))
        #expect(UUID.derived("order", "") != UUID.derived("order"))
    }
}
