import Testing

@testable import HTTPClient

@Suite struct DestinationTests {
    @Test(arguments: [
        ("93.184.216.34", true), ("1.1.1.1", true), ("223.255.255.255", true), ("100.128.0.0", true),
        ("172.32.0.0", true),
        ("0.0.0.0", false), ("0.1.2.3", false), ("10.0.0.1", false), ("100.64.0.1", false), ("100.127.255.255", false),
        ("127.0.0.1", false), ("127.255.255.254", false), ("169.254.169.254", false), ("172.16.0.1", false),
        ("172.31.255.255", false), ("192.0.0.8", false), ("192.0.2.1", false), ("192.88.99.1", false),
        ("192.168.1.1", false), ("198.18.0.1", false), ("198.19.255.255", false), ("198.51.100.7", false),
        ("203.0.113.9", false), ("224.0.0.1", false), ("239.255.255.255", false), ("240.0.0.1", false),
        ("255.255.255.255", false),
        ("2606:4700:4700::1111", true), ("2001:200::1", true), ("3fff:1000::1", true),
        ("::", false), ("::1", false), ("::ffff:127.0.0.1", false), ("::ffff:10.1.1.1", false),
        ("::ffff:1.1.1.1", true),
        ("::10.0.0.1", false), ("64:ff9b::a00:1", false), ("64:ff9b::101:101", false), ("64:ff9b:1::1", false),
        ("100::1", false), ("2001::1", false), ("2001:1ff:ffff::1", false), ("2001:db8::1", false),
        ("2002:7f00:1::1", false), ("3fff::1", false), ("3fff:fff::1", false), ("4000::1", false), ("fc00::1", false),
        ("fd12::1", false), ("fe80::1", false), ("ff02::1", false),
    ])
    func thePublicInternetAndNothingElse(text: String, isAllowed: Bool) throws {
        #expect(DestinationPolicy().allows(try #require(IPAddress(text))) == isAllowed)
    }

    @Test func whatIsConfiguredIsAllowedAndNoMore() throws {
        let policy = DestinationPolicy(allowing: [
            try #require(AddressRange("127.0.0.0/8")), try #require(AddressRange("fd00:1::/32")),
            try #require(AddressRange("64:ff9b::/96")),
        ])
        for (text, isAllowed) in [
            ("127.3.2.1", true), ("::ffff:127.0.0.1", true), ("10.0.0.1", false), ("fd00:1::5", true),
            ("fd00:2::5", false),
            // NAT64 is judged by what it reaches.
            ("64:ff9b::101:101", true), ("64:ff9b::a00:1", false), ("64:ff9b::7f00:1", true),
        ] { #expect(policy.allows(try #require(IPAddress(text))) == isAllowed, "\(text)") }
        #expect(DestinationPolicy.unrestricted.allows(try #require(IPAddress("10.0.0.1"))))
    }

    @Test func oneForbiddenAddressRefusesTheHost() throws {
        let good = try #require(IPAddress("1.1.1.1"))
        let bad = try #require(IPAddress("10.0.0.1"))
        #expect(DestinationPolicy().allows(all: [good, good]))
        #expect(!DestinationPolicy().allows(all: [good, bad]))
    }

    @Test(arguments: [
        "", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.1/8", "10.0.0.0/", "10.0.0.0/8/8", "10.0.0/8",
        "::/129",
        "2001:db8::1/32", "localhost/8", "010.0.0.0/8",
    ])
    func brokenRangesAreRefused(text: String) { #expect(AddressRange(text) == nil) }

    @Test func rangesAtTheirEdges() throws {
        #expect(try #require(AddressRange("0.0.0.0/0")).contains(try #require(IPAddress("255.1.2.3"))))
        #expect(!(try #require(AddressRange("0.0.0.0/0")).contains(try #require(IPAddress("::1")))))
        #expect(try #require(AddressRange("::/0")).contains(try #require(IPAddress("ffff::"))))
        #expect(try #require(AddressRange("1.2.3.4")).description == "1.2.3.4/32")
        #expect(!(try #require(AddressRange("1.2.3.4")).contains(try #require(IPAddress("1.2.3.5")))))
    }

    /// Every spelling that libcurl takes for an address must look like that address to us too.
    @Test(arguments: [
        "http://127.0.0.1/", "http://127.1/", "http://0177.0.0.1/", "http://0x7f.1/", "http://2130706433/",
        "http://0x7f000001/",
        "http://017700000001/", "http://127.0.0.1:80/", "http://user@127.0.0.1/", "http://%31%32%37.0.0.1/",
    ])
    func allSpellingsOfLoopback(url: String) throws {
        let destination = try #require(Destination(url))
        #expect(destination.address.map { DestinationPolicy().allows($0) } == false, "\(destination.host)")
    }

    @Test func namesAndPortsAreReadFromTheURL() throws {
        let plain = try #require(Destination("HTTPS://Hooks.Example.COM/a?b#c"))
        #expect(
            plain.scheme == "https" && plain.host == "hooks.example.com" && plain.port == 443 && plain.address == nil)
        let v6 = try #require(Destination("http://[2606:4700::1]:8080/"))
        #expect(v6.port == 8080 && v6.address == IPAddress("2606:4700::1"))
    }

    @Test(arguments: [
        "", "example.com", "http://", "http://a b/", "http://example.com./", "http://bücher.example/",
        "http://[fe80::1%25eth0]/", "http://example.com:99999/", "http://exa\u{0}mple.com/", "http://a,b/",
        "http://a;b/",
    ])
    func urlsThatAreNotTaken(url: String) {
        if let destination = Destination(url) {
            #expect(!["http", "https"].contains(destination.scheme), "\(destination)")
        }
    }
}
