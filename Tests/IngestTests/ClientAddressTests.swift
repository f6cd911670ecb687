import Fleet
import HTTPServer
import Testing

@testable import Ingest

struct ClientAddressTests {
    private let proxies = [AddressRange("10.0.0.0/8"), AddressRange("fd00::/8")].compactMap { $0 }

    private func client(_ peer: String, _ headers: (String, String)...) -> String? {
        var fields = HTTPHeaders()
        for (name, value) in headers { fields.add(name, value) }
        return ClientAddress(peer: peer, headers: fields, trusted: proxies)?.anonymised
    }

    @Test func headersOfStrangersCountForNothing() {
        #expect(client("203.0.113.7", ("X-Forwarded-For", "198.51.100.1")) == "203.0.113.0/24")
    }

    @Test func theFirstHopThatIsNoProxyIsTheClient() {
        #expect(client("10.0.0.1", ("X-Forwarded-For", "198.51.100.1")) == "198.51.100.0/24")
        #expect(client("10.0.0.1", ("X-Forwarded-For", "6.6.6.6, 198.51.100.1, 10.9.9.9")) == "198.51.100.0/24")
        #expect(
            client("10.0.0.1", ("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "198.51.100.1")) == "198.51.100.0/24"
        )
        #expect(client("10.0.0.1", ("X-Forwarded-For", "198.51.100.1:4711")) == "198.51.100.0/24")
        #expect(client("fd00::1", ("X-Forwarded-For", "[2001:db8:1:2::3]:80")) == "2001:db8:1::/48")
        #expect(client("::ffff:10.0.0.1", ("X-Forwarded-For", "198.51.100.1")) == "198.51.100.0/24")
    }

    @Test func anUnknownHopEndsWhatCanBeKnown() {
        #expect(client("10.0.0.1", ("X-Forwarded-For", "198.51.100.1, unknown")) == "10.0.0.0/24")
        #expect(client("10.0.0.1", ("X-Forwarded-For", "198.51.100.1, nonsense, 10.3.0.1")) == "10.3.0.0/24")
        #expect(client("10.0.0.1", ("X-Forwarded-For", "10.2.0.1, 10.3.0.1")) == "10.2.0.0/24")
    }

    @Test func theStandardHeaderIsRead() {
        #expect(client("10.0.0.1", ("Forwarded", "for=198.51.100.1;proto=https")) == "198.51.100.0/24")
        #expect(client("10.0.0.1", ("Forwarded", #"for="[2001:db8:1:2::3]:80""#)) == "2001:db8:1::/48")
        #expect(client("10.0.0.1", ("Forwarded", "For=6.6.6.6, for=198.51.100.1")) == "198.51.100.0/24")
        #expect(client("10.0.0.1", ("Forwarded", "for=_hidden")) == "10.0.0.0/24")
        #expect(
            client("10.0.0.1", ("Forwarded", "for=6.6.6.6"), ("X-Forwarded-For", "198.51.100.1")) == "198.51.100.0/24")
    }

    @Test func addressesAreCutAndKeyed() throws {
        #expect(ClientAddress("203.0.113.77")?.anonymised == "203.0.113.0/24")
        #expect(ClientAddress("2001:db8:aaaa:bbbb::1")?.anonymised == "2001:db8:aaaa::/48")
        #expect(ClientAddress("::ffff:203.0.113.77")?.anonymised == "203.0.113.0/24")
        #expect(ClientAddress("localhost") == nil)
        let one = try #require(ClientAddress("203.0.113.77"))
        let other = try #require(ClientAddress("203.0.113.78"))
        #expect(one.hash(key: [1]) != other.hash(key: [1]) && one.hash(key: [1]) != one.hash(key: [2]))
        #expect(one.hash(key: [1]).count == 32)
        // A visitor has a whole /64 of IPv6 to choose from.
        let left = try #require(ClientAddress("2001:db8:1:2::3"))
        let right = try #require(ClientAddress("2001:db8:1:2:ffff::9"))
        #expect(left.limitHash(key: [1]) == right.limitHash(key: [1]))
        #expect(left.limitHash(key: [1]) != left.hash(key: [1]))
    }
}
