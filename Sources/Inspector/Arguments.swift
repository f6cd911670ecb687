/// The words after a command's name: positional ones, and options as `--name value` or bare flags.
package struct Arguments: Sendable {
    /// What is wrong with a command line, in words for who typed it.
    package struct Usage: Error, CustomStringConvertible {
        package let description: String
    }

    package private(set) var positional: [String] = []
    private var values: [String: String] = [:]
    private var flags: Set<String> = []

    /// - Parameters:
    ///   - options: names that take a value.
    ///   - flags: names that take none.
    package init(_ words: [String], options: Set<String>, flags known: Set<String>) throws(Usage) {
        var index = words.startIndex
        while index < words.endIndex {
            let word = words[index]
            index += 1
            guard word.hasPrefix("--"), word.count > 2 else {
                positional.append(word)
                continue
            }
            let name = String(word.dropFirst(2))
            if known.contains(name) {
                flags.insert(name)
            } else if options.contains(name) {
                guard index < words.endIndex else { throw Usage(description: "--\(name) needs a value") }
                guard values.updateValue(words[index], forKey: name) == nil else {
                    throw Usage(description: "--\(name) stands twice")
                }
                index += 1
            } else {
                throw Usage(description: "unknown option --\(name)")
            }
        }
    }

    package func has(_ flag: String) -> Bool { flags.contains(flag) }

    package func optional(_ name: String) -> String? { values[name] }

    package func required(_ name: String) throws(Usage) -> String {
        guard let value = values[name], !value.isEmpty else { throw Usage(description: "--\(name) is required") }
        return value
    }

    /// The positional word at `index`, called `name` in errors.
    package func word(_ index: Int, _ name: String) throws(Usage) -> String {
        guard positional.indices.contains(index) else { throw Usage(description: "<\(name)> is missing") }
        return positional[index]
    }

    package func list(_ name: String) -> [String]? {
        values[name].map { $0.split(separator: ",").map(String.init) }
    }
}
