import Core
import Testing

@Suite struct JSONParsingTests {
    /// To Swift's strings the Kelvin sign is a K; to JSON they are two names.
    @Test func membersAreLookedUpByTheirBytes() throws {
        let object = try #require(try JSON.parse(Array(#"{"\u212a":1,"k\u0065y":3}"#.utf8)).object)
        #expect(object["K"] == nil)
        #expect(object["\u{212a}"]?.integer == 1)
        #expect(object["key"]?.integer == 3)
        #expect(object["ke"] == nil && object["keys"] == nil && object[""] == nil)
    }

    @Test(
        arguments: [
            ("null", .null), ("true", true), ("false", false), (" \t\r\n1 \n", 1), ("[]", []), ("{}", [:]), ("[ ]", []),
            ("{ }", [:]), (#""""#, ""), ("[1,[2],{}]", [1, [2], [:]]), (#"{"a":{"b":[null]}}"#, ["a": ["b": [nil]]]),
            (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u0041\u00e9\uAC00""#, "Aé가"),
            (#""\uD83D\uDE00""#, "😀"), (#""\uDBFF\uDFFF""#, "\u{10FFFF}"), (#""가나다 plain tail""#, "가나다 plain tail"),
            (#""é\n😀 and then eight or more""#, "é\n😀 and then eight or more"), ("\"\u{7F}\"", "\u{7F}"),
            (#"{"":0}"#, ["": 0]), (#"{"a" : 1 , "b" : 2}"#, ["a": 1, "b": 2]),
        ] as [(String, JSON)])
    func documentsOfTheGrammarAreRead(text: String, value: JSON) throws {
        #expect(try JSON.parse(bytes(text)) == value)
    }

    @Test(arguments: [
        "0", "-0", "1", "-1", "10", "0.5", "-0.5", "1.50", "1e5", "1E+5", "1e-5", "0e0", "123.456e78",
        "123456789012345678901234567890.123456789",
    ])
    func numbersStayAsTheyWereWritten(text: String) throws {
        let number = try #require(try JSON.parse(bytes(text)).number)
        #expect(number.text == text)
        #expect(JSON.number(number).serialized() == bytes(text))
        #expect(JSONNumber(text) == number)
    }

    @Test(
        arguments: [
            ("", .unexpectedEnd, 0), ("  ", .unexpectedEnd, 2), ("[", .unexpectedEnd, 1), ("[1", .unexpectedEnd, 2),
            ("[1,", .unexpectedEnd, 3), ("{", .unexpectedEnd, 1), (#"{"a""#, .unexpectedEnd, 4),
            (#"{"a":"#, .unexpectedEnd, 5), (#"{"a":1"#, .unexpectedEnd, 6), (#"{"a":1,"#, .unexpectedEnd, 7),
            ("\"", .unexpectedEnd, 1), ("\"a", .unexpectedEnd, 2), (#""\"#, .unexpectedEnd, 2),
            (#""\u00"#, .unexpectedEnd, 5),
            ("tru", .unexpectedEnd, 3), ("-", .unexpectedEnd, 1), ("1.", .unexpectedEnd, 2), ("1e", .unexpectedEnd, 2),
            ("trux", .unexpectedByte, 3), ("nul1", .unexpectedByte, 3), ("True", .unexpectedByte, 0),
            ("[1 2]", .unexpectedByte, 3), ("[1,]", .unexpectedByte, 3), ("[,1]", .unexpectedByte, 1),
            (#"{"a":1,}"#, .unexpectedByte, 7), ("{a:1}", .unexpectedByte, 1), ("{1:1}", .unexpectedByte, 1),
            (#"{"a" 1}"#, .unexpectedByte, 5), (#"{"a":}"#, .unexpectedByte, 5), ("'a'", .unexpectedByte, 0),
            ("+1", .unexpectedByte, 0), (".5", .unexpectedByte, 0), ("NaN", .unexpectedByte, 0),
            ("]", .unexpectedByte, 0),
            ("[1}", .unexpectedByte, 2), ("/*a*/1", .unexpectedByte, 0), ("\u{FEFF}1", .unexpectedByte, 0),
            ("\u{A0}1", .unexpectedByte, 0), ("\u{0}", .unexpectedByte, 0), ("[1\u{0}]", .unexpectedByte, 2),
            ("1 2", .trailingBytes, 2), ("{}x", .trailingBytes, 2), ("[]]", .trailingBytes, 2),
            ("1\u{0}", .trailingBytes, 1),
            ("01", .invalidNumber, 0), ("-01", .invalidNumber, 0), ("[-]", .invalidNumber, 1),
            ("1.e1", .invalidNumber, 0),
            ("1.x", .invalidNumber, 0), ("1ex", .invalidNumber, 0), ("1e+x", .invalidNumber, 0),
            ("0x10", .trailingBytes, 1),
            ("\"a\nb\"", .controlCharacter, 2), ("\"\t\"", .controlCharacter, 1),
            ("\"12345678\u{1F}\"", .controlCharacter, 9),
            ("\"\u{0}\"", .controlCharacter, 1), (#""\x41""#, .invalidEscape, 1), (#""a\u12G4""#, .invalidEscape, 2),
            (#""\U0041""#, .invalidEscape, 1), (#""\uD800""#, .loneSurrogate, 1), (#""\uDC00""#, .loneSurrogate, 1),
            (#""\uD800\u0041""#, .loneSurrogate, 1), (#""\uD800\n""#, .loneSurrogate, 1),
            (#""\uD83D😀""#, .loneSurrogate, 1),
            (#""a\u0000""#, .nulCharacter, 2), (#"{"a":1,"a":1}"#, .duplicateKey, 7),
            (#"{"a":1,"\u0061":1}"#, .duplicateKey, 7),
        ] as [(String, JSONError.Reason, Int)])
    func whatIsNotJSONIsRefusedWhereItStops(text: String, reason: JSONError.Reason, offset: Int) {
        let error = #expect(throws: JSONError.self) { try JSON.parse(bytes(text)) }
        #expect(error?.reason == reason)
        #expect(error?.offset == offset)
    }

    /// Overlong forms, surrogates, beyond U+10FFFF, lone and missing continuation bytes.
    @Test(
        arguments: [
            [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x41], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
            [0xE1, 0x80], [0xE1, 0x80, 0x41], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0x80],
            [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF1, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFE],
            [0xFF],
        ] as [[UInt8]])
    func stringsMustBeUTF8(sequence: [UInt8]) {
        for padding in [0, 3, 8, 11] {
            let plain = [UInt8](repeating: 0x61, count: padding)
            for tail in [bytes("\""), bytes("          \""), []] {
                let error = #expect(throws: JSONError.self) { try JSON.parse(bytes("\"") + plain + sequence + tail) }
                #expect(error?.reason == .invalidUTF8)
                #expect(error?.offset == 1 + padding)
            }
        }
    }

    @Test func everyScalarIsReadRawAndEscaped() throws {
        for value in UInt32(1)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value), value >= 0x20, value != 0x22, value != 0x5C else { continue }
            if value > 0x3000, value % 31 != 0, value < 0xD700 || value > 0xE100 { continue }
            let expected = JSON.string(String(scalar))
            #expect(try JSON.parse(bytes("\"\(scalar)\"")) == expected)
            let escaped = String(scalar).utf16.map { unit in
                let digits = String(unit, radix: 16)
                return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
            #expect(try JSON.parse(bytes("\"\(escaped.joined())\"")) == expected)
        }
    }

    @Test func nestingEndsAtItsLimit() throws {
        func nested(_ depth: Int) -> [UInt8] {
            bytes(String(repeating: "[", count: depth) + String(repeating: "]", count: depth))
        }
        #expect(throws: Never.self) { try JSON.parse(nested(64)) }
        let error = #expect(throws: JSONError.self) { try JSON.parse(nested(65)) }
        #expect(error?.reason == .tooDeep && error?.offset == 64)
        #expect(throws: JSONError.self) { try JSON.parse([UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)) }
        #expect(throws: JSONError.self) { try JSON.parse(bytes(String(repeating: #"{"a":"#, count: 100_000))) }
        var limits = JSONLimits()
        limits.depthMax = 1
        #expect(throws: Never.self) { try JSON.parse(bytes("[1]"), limits: limits) }
        #expect(throws: JSONError.self) { try JSON.parse(bytes("[[]]"), limits: limits) }
    }

    @Test func otherLimitsCanBeSet() throws {
        var limits = JSONLimits()
        limits.allowsNul = true
        #expect(try JSON.parse(bytes(#""a\u0000b""#), limits: limits) == "a\u{0}b")
        let digits = String(repeating: "1", count: 128)
        #expect(throws: Never.self) { try JSON.parse(bytes(digits)) }
        let error = #expect(throws: JSONError.self) { try JSON.parse(bytes(digits + "1")) }
        #expect(error?.reason == .numberTooLong)
    }

    @Test(arguments: [2, 15, 16, 17, 18, 40, 500]) func aRepeatedKeyIsNoticedInObjectsOfAnySize(count: Int) throws {
        let members = (0..<count).map { #""key \#($0)":\#($0)"# }
        let object = try #require(try JSON.parse(bytes("{" + members.joined(separator: ",") + "}")).object)
        #expect(object.keys == (0..<count).map { "key \($0)" })
        for repeated in [0, count / 2, count - 1] {
            let text = "{" + (members + [#""key \#(repeated)":0"#]).joined(separator: ",") + "}"
            let error = #expect(throws: JSONError.self) { try JSON.parse(bytes(text)) }
            #expect(error?.reason == .duplicateKey)
        }
    }

    @Test func theErrorSaysWhereButNotWhat() throws {
        let error = #expect(throws: JSONError.self) {
            try JSON.parse(bytes(#"{"events":[{},{"a/b~c":{"secret":tru}}]}"#))
        }
        #expect(error?.path == ["events", "1", "a/b~c", "secret"])
        #expect(error?.pointer == "/events/1/a~1b~0c/secret")
        #expect(error?.description == "unexpected character at byte 36")
    }
}

@Suite struct JSONValueTests {
    private let order: JSON = [
        "orderId": "order-001", "total": JSON.number(JSONNumber("100.50")!), "shipping": "3.00", "quantity": 2,
        "isNew": true, "note": nil, "lines": [["net": 5]],
    ]

    @Test func membersAndElementsAreReachedByKeyAndIndex() {
        #expect(order["orderId"]?.string == "order-001")
        #expect(order["quantity"]?.integer == 2)
        #expect(order["total"]?.integer == nil)
        #expect(order["total"]?.decimal == ExactDecimal("100.5"))
        #expect(order["shipping"]?.decimal == ExactDecimal("3"))
        #expect(order["isNew"]?.bool == true)
        #expect(order["note"]?.isNull == true)
        #expect(order["none"] == nil)
        #expect(order["lines"]?[0]?["net"]?.integer == 5)
        #expect(order["lines"]?[1] == nil)
        #expect(order["lines"]?[-1] == nil)
        #expect(order["orderId"]?["x"] == nil)
        #expect(order.object?.count == 7)
    }

    @Test func integersAreExactlyThoseOfSixtyFourBits() throws {
        #expect(try JSON.parse(bytes("9223372036854775807")).integer == .max)
        #expect(try JSON.parse(bytes("-9223372036854775808")).integer == .min)
        for text in ["9223372036854775808", "1.0", "1e3", "\"1\""] {
            #expect(try JSON.parse(bytes(text)).integer == nil)
        }
        #expect(JSON(integer: UInt64.max).text == "18446744073709551615")
    }

    @Test func membersKeepTheirOrderWhenChanged() {
        var object = JSONObject([("b", 1), ("a", 2)])
        object["c"] = 3
        object["b"] = "x"
        object["a"] = nil
        object["none"] = nil
        #expect(JSON.object(object).text == #"{"b":"x","c":3}"#)
    }

    @Test func onlyWhatMustBeEscapedIsEscaped() {
        let text = "\"\\/\u{8}\u{C}\n\r\t\u{0}\u{1F}\u{7F}\u{2028}é가😀 <b>"
        #expect(
            JSON.string(text).text
                == "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\u{7F}\u{2028}é가😀 <b>\"")
        #expect((["a": [1, true, nil, [:], []], "b": ""] as JSON).text == #"{"a":[1,true,null,{},[]],"b":""}"#)
    }

    @Test(arguments: ["", "x", "1 ", " 1", "01", "1.", "\"1\"", "1,", "0x1", "٣"])
    func aNumberIsMadeOnlyOfItsGrammar(text: String) { #expect(JSONNumber(text) == nil) }

    @Test func measurementsAreWrittenWhenTheyAreNumbers() {
        #expect(JSONNumber(measured: 0.25)?.text == "0.25")
        #expect(JSONNumber(measured: .nan) == nil)
        #expect(JSONNumber(measured: -.infinity) == nil)
        for value in [1e-7, 1e300, 2.5e-300, .leastNonzeroMagnitude, -0.0, 1e16] {
            #expect(JSONNumber(measured: value).flatMap { JSONNumber($0.text) } != nil)
        }
    }
}
