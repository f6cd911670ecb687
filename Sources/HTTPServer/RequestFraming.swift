/// What makes a request ambiguous: two readers of the same bytes, such as a proxy and this server, could see different
/// requests in them (request smuggling). evhttp lets these pass, so they are looked at before the handler.
enum RequestFraming {
    /// Whether the request must be refused with 400.
    ///
    /// - Parameter isVersion11: HTTP/1.1, which demands exactly one `Host`.
    static func isAmbiguous(_ headers: HTTPHeaders, isVersion11: Bool) -> Bool {
        var hosts = 0
        var lengths = 0
        var encodings = 0
        var isBad = false
        headers.forEach { name, value in
            if name.isEmpty || !name.allSatisfy({ $0.isHTTPToken }) { isBad = true }
            switch name.count {
            case 4 where name.isSameHTTPName(as: "host"): hosts += 1
            case 14 where name.isSameHTTPName(as: "content-length"):
                lengths += 1
                if value.isEmpty || !value.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
                    isBad = true
                }
            case 17 where name.isSameHTTPName(as: "transfer-encoding"):
                encodings += 1
                if !value.isSameHTTPName(as: "chunked") { isBad = true }
            default: break
            }
            return !isBad
        }
        return isBad || lengths + encodings > 1 || hosts > 1 || (isVersion11 && hosts == 0)
    }
}
