import Core
import Testing

@testable import Ingest

struct JSONElementsTests {
    private func elements(_ text: String) throws -> [String] {
        let bytes = Array(text.utf8)
        return try JSONElements.ofArray(bytes).map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    @Test func elementsAreFoundWithoutReadingThem() throws {
        #expect(try elements("[]") == [])
        #expect(try elements(" [ ] ") == [])
        #expect(try elements(#"[{"a":[1,2]}, {"b":"],[\"{"} ,3]"#) == [#"{"a":[1,2]}"#, #"{"b":"],[\"{"}"#, "3"])
        // What is wrong inside an element is the element's own matter.
        #expect(try elements(#"[{"a":1,"a":2},{nonsense},{}]"#) == [#"{"a":1,"a":2}"#, "{nonsense}", "{}"])
    }

    @Test(arguments: ["", "[", "[1", "[1,]", "[,1]", "[1]x", "[\"", "[{\"a\":1]", "{}"])
    func aBrokenArrayIsMalformed(text: String) {
        #expect(throws: JSONElements.Malformed.self) { try elements(text) }
    }

    @Test func linesThatAreBlankDoNotCount() {
        let bytes = Array("{\"a\":1}\r\n\n  \n{\"b\":2}".utf8)
        #expect(
            JSONElements.ofLines(bytes).map { String(decoding: bytes[$0], as: UTF8.self) } == [
                "{\"a\":1}", "{\"b\":2}",
            ])
    }

    /// Whatever is a whole array for the parser has the parser's elements here.
    @Test func randomArraysHaveTheParsersElements() throws {
        var random = SystemRandomNumberGenerator()
        let pieces = ["1", "\"a,b]\"", "{\"x\":[1,{\"y\":\"}\"}]}", "[]", "null", "\"\\\"\"", "-1.5e3"]
        for _ in 0..<500 {
            let wanted = (0..<Int.random(in: 0...6, using: &random)).map { _ in pieces.randomElement(using: &random)! }
            let text = "[" + wanted.joined(separator: Bool.random() ? "," : " ,\n ") + "]"
            #expect(try elements(text) == wanted)
            #expect(try JSON.parse(Array(text.utf8)).array?.count == wanted.count)
        }
    }
}
