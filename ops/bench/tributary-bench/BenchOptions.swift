/// `--name value` pairs.
struct BenchOptions: Sendable {
    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    private let values: [String: String]

    init(_ arguments: [String]) throws {
        var values: [String: String] = [:]
        var rest = arguments[...]
        while let name = rest.popFirst() {
            guard name.hasPrefix("--"), let value = rest.popFirst() else {
                throw Problem(description: "\(name) is no option with a value")
            }
            values[String(name.dropFirst(2))] = value
        }
        self.values = values
    }

    func text(_ name: String) throws -> String {
        guard let value = values[name] else { throw Problem(description: "--\(name) is missing") }
        return value
    }

    func text(_ name: String, or fallback: String) -> String { values[name] ?? fallback }

    func number(_ name: String, or fallback: Int) throws -> Int {
        guard let text = values[name] else { return fallback }
        guard let number = Int(text), number >= 0 else { throw Problem(description: "--\(name) must be a number") }
        return number
    }
}
