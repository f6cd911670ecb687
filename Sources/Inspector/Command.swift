import Core
import EventLoop

/// One command of the inspector: its words, its help, and what it does.
package struct Command: Sendable {
    /// One or two words, such as `partner add`.
    package let name: String
    package let summary: String
    /// After the name, such as `--code CODE --name NAME [--tier TIER]`.
    package let usage: String
    package let examples: [String]
    let options: Set<String>
    let flags: Set<String>
    let run: @Loop @Sendable (Session, Arguments) async throws -> Answer

    init(
        _ name: String, _ summary: String, usage: String = "", examples: [String] = [], options: Set<String> = [],
        flags: Set<String> = [], run: @escaping @Loop @Sendable (Session, Arguments) async throws -> Answer
    ) {
        self.name = name
        self.summary = summary
        self.usage = usage
        self.examples = examples
        self.options = options
        self.flags = flags.union(["json", "help"])
        self.run = run
    }

    var help: String {
        var lines = [summary, "", "usage: tributary \(name)\(usage.isEmpty ? "" : " " + usage) [--json]"]
        if !examples.isEmpty { lines += ["", "examples:"] + examples.map { "  tributary \($0)" } }
        return lines.joined(separator: "\n")
    }
}

/// What a command says: the same for programs and for people.
package struct Answer: Sendable {
    let json: JSON
    let lines: [String]
    /// `false` makes the exit code 1: the command ran, and what it looked at is not as it should be.
    var isGood = true

    init(_ json: JSON, _ lines: [String], isGood: Bool = true) {
        self.json = json
        self.lines = lines
        self.isGood = isGood
    }
}

/// A command cannot do what was asked; exit code 1.
package struct Refusal: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}
