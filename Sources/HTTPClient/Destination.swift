import CCurl

/// What a URL leads to, read by libcurl's own parser, so that we and libcurl never see two different hosts in it.
struct Destination {
    /// The URL in the parser's normal form.
    let url: String
    /// Lower case.
    let scheme: String
    /// A name, or an address without brackets.
    let host: String
    let port: Int
    /// The host when it is an address already.
    let address: IPAddress?

    /// `nil` when libcurl does not accept the URL, or the host is one we do not: not ASCII (a name must come in its
    /// ASCII form), with a zone, or ending in a dot (libcurl and the resolver differ on what that names).
    init?(_ text: String) {
        guard !text.utf8.contains(0), let parts = curl_url() else { return nil }
        defer { curl_url_cleanup(parts) }
        guard curl_url_set(parts, CURLUPART_URL, text, 0) == CURLUE_OK,
            Self.part(parts, CURLUPART_ZONEID) == nil,
            let scheme = Self.part(parts, CURLUPART_SCHEME),
            let host = Self.part(parts, CURLUPART_HOST),
            let port = Self.part(parts, CURLUPART_PORT, UInt32(CURLU_DEFAULT_PORT)).flatMap({ Int($0) }),
            let url = Self.part(parts, CURLUPART_URL)
        else { return nil }
        self.url = url
        self.scheme = scheme.lowercased()
        self.port = port
        self.host = (host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host)
            .lowercased()
        address = IPAddress(self.host)
        guard !self.host.isEmpty, !self.host.hasSuffix("."), self.host.utf8.allSatisfy(Self.isFit) else { return nil }
    }

    private static func part(_ parts: OpaquePointer, _ part: CURLUPart, _ flags: UInt32 = 0) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(parts, part, &text, flags) == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text)
    }

    private static func isFit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
            UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ":"):
            true
        default: false
        }
    }
}
