import Core
import TestSupport
import Testing

/// Random values and broken documents. Replay a failure with the printed `TRIBUTARY_SEED`.
@Suite struct JSONFuzzTests {
    @Test func whatIsWrittenIsReadAsTheSameValue() throws {
        var random = SeededGenerator(seed: SeededGenerator.seedOfThisRun)
        for _ in 0..<3000 {
            let value = Self.value(depth: 0, &random)
            #expect(try JSON.parse(value.serialized()) == value, "seed \(SeededGenerator.seedOfThisRun)")
        }
    }

    @Test func brokenDocumentsAreRefusedOrReadButNeverHarm() throws {
        var random = SeededGenerator(seed: SeededGenerator.seedOfThisRun)
        var refused = 0
        var accepted = 0
        for _ in 0..<30_000 {
            var document = Self.value(depth: 0, &random).serialized()
            for _ in 0..<Int.random(in: 1...4, using: &random) { Self.mutate(&document, &random) }
            let value: JSON
            do {
                value = try JSON.parse(document)
            } catch {
                refused += 1
                #expect((0...document.count).contains(error.offset), "seed \(SeededGenerator.seedOfThisRun)")
                continue
            }
            accepted += 1
            // What was accepted has one minified form, which reads as the same value.
            #expect(try JSON.parse(value.serialized()) == value, "seed \(SeededGenerator.seedOfThisRun)")
            #expect(String(validating: document, as: UTF8.self) != nil, "seed \(SeededGenerator.seedOfThisRun)")
        }
        #expect(refused > 1000 && accepted > 1000, "\(refused) refused, \(accepted) accepted")
    }

    @Test func everyBeginningOfADocumentIsRefused() throws {
        let document = bytes(#"{"a":[1.5e3,"é\uD83D\uDE00",{"b":true}],"c":null,"d":{"e":"0123456789"}}"#)
        #expect(throws: Never.self) { try JSON.parse(document) }
        for count in 0..<document.count {
            let error = #expect(throws: JSONError.self) { try JSON.parse(Array(document.prefix(count))) }
            #expect(error.map { $0.offset <= count } == true)
        }
    }

    private static func mutate(_ document: inout [UInt8], _ random: inout SeededGenerator) {
        let tokens = [
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\uD83D", "null", "-", "e", ".", "0", "\u{0}", "é",
        ]
        let position = Int.random(in: 0...document.count, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0 where position < document.count: document[position] = UInt8.random(in: 0...255, using: &random)
        case 1 where position < document.count: document[position] ^= 1 << UInt8.random(in: 0...7, using: &random)
        case 2 where position < document.count: document.remove(at: position)
        case 3: document.insert(contentsOf: bytes(tokens.randomElement(using: &random)!), at: position)
        case 4: document.removeLast(document.count - position)
        default:
            let end = Int.random(in: position...document.count, using: &random)
            document.insert(contentsOf: document[position..<min(end, position + 20)], at: position)
        }
    }

    private static func value(depth: Int, _ random: inout SeededGenerator) -> JSON {
        switch Int.random(in: 0..<(depth < 5 ? 8 : 5), using: &random) {
        case 0: return nil
        case 1: return .bool(Bool.random(using: &random))
        case 2, 3: return .number(number(&random))
        case 4: return .string(string(&random))
        case 5: return .array((0..<Int.random(in: 0...6, using: &random)).map { _ in value(depth: depth + 1, &random) })
        default:
            var object = JSONObject()
            for _ in 0..<Int.random(in: 0...20, using: &random) {
                object[string(&random)] = value(depth: depth + 1, &random)
                if depth > 1, object.count > 3 { break }
            }
            return .object(object)
        }
    }

    private static func number(_ random: inout SeededGenerator) -> JSONNumber {
        let integer = Int64.random(in: .min ... .max, using: &random) >> Int64.random(in: 0...63, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: return JSONNumber(integer)
        case 1: return JSONNumber("\(integer).\(UInt16.random(in: 0 ... .max, using: &random))")!
        default: return JSONNumber("\(integer)E\(Int8.random(in: -99...99, using: &random))")!
        }
    }

    private static func string(_ random: inout SeededGenerator) -> String {
        let scalars: [ClosedRange<UInt32>] = [
            0x01...0x1F, 0x20...0x7E, 0x20...0x7E, 0x80...0x7FF, 0xAC00...0xD7A3, 0x1F600...0x1F64F,
        ]
        var string = ""
        for _ in 0..<Int.random(in: 0...24, using: &random) {
            let range = scalars.randomElement(using: &random)!
            if let scalar = Unicode.Scalar(UInt32.random(in: range, using: &random)) {
                string.unicodeScalars.append(scalar)
            }
        }
        return string
    }
}
