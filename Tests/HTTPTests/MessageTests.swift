import Core
import EventLoop
import HTTPServer
import Testing

@Suite struct MessageTests {
    @Test func headerNamesCompareWithoutCase() {
        var headers: HTTPHeaders = ["Content-Type": "text/plain", "Accept": "a"]
        headers.add("accept", "b")
        #expect(headers["content-TYPE"] == "text/plain")
        #expect(headers["Accept"] == "a")
        #expect(headers.values(of: "ACCEPT") == ["a", "b"])
        #expect(headers["Content"] == nil && !headers.contains("x") && headers.contains("Content-type"))
        #expect(headers.fields.map(\.name) == ["Content-Type", "Accept", "accept"])
    }

    @Test func noValueCanEndTheHeader() {
        let headers: HTTPHeaders = ["X-Name": "a\r\nSet-Cookie: b\u{0}c"]
        #expect(headers["x-name"] == "a  Set-Cookie: b c")
        #expect(headers.fields.count == 1)
    }

    @Test(
        arguments: [
            ("", []), ("a=1&b=2", [("a", "1"), ("b", "2")]), ("a", [("a", "")]), ("a=b=c", [("a", "b=c")]),
            ("=x", [("", "x")]),
            ("a+b=%41%e2%82%ac", [("a b", "A€")]), ("a=%4&b=%zz", [("a", "%4"), ("b", "%zz")]),
            ("&&a=1&", [("a", "1")]),
        ] as [(String, [(String, String)])])
    func queriesAreDecoded(text: String, expected: [(String, String)]) {
        let request = HTTPRequest(
            method: "GET", path: "/", queryString: text, receivedAt: EpochMilliseconds(rawValue: 0))
        #expect(request.query.map { "\($0.0)→\($0.1)" } == expected.map { "\($0.0)→\($0.1)" })
    }

    @Test func pathsAreSplitBeforeTheyAreDecoded() {
        func segments(_ path: String) -> [String]? {
            HTTPRequest(method: "GET", path: path, receivedAt: EpochMilliseconds(rawValue: 0)).pathSegments
        }
        #expect(segments("/api/v1/a%2Fb+c") == ["api", "v1", "a/b+c"])
        #expect(segments("/") == [])
        #expect(segments("/%zz") == nil)
    }

    @Test func failuresWearTheHouseEnvelope() {
        let response = HTTPResponse.failure(404, code: "unknown", message: "no such order", requestID: "r1")
        #expect(response.headers["content-type"] == "application/json")
        #expect(
            String(decoding: response.body, as: UTF8.self)
                == #"{"success":false,"error":{"code":"unknown","message":"no such order","requestId":"r1"}}"#)
    }
}
