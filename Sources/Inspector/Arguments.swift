import Core
import JobQueue

/// The words after a command's name: positional ones, and options as `--name value`, `--name=value` or bare flags. What
/// stands behind `--` is positional.
struct Arguments: Sendable {
    /// What is wrong with a command line, in words for who typed it.
    struct Usage: Error, CustomStringConvertible {
        let description: String

        init(_ description: String) { self.description = description }
    }

    private(set) var positional: [String] = []
    private var values: [String: String] = [:]
    private var flags: Set<String> = []

    /// Reads and checks everything that can be checked without knowing what the command does.
    init(_ words: [String], for command: Command) throws(Usage) {
        let options = command.options + CommandOption.everywhere
        var rest = words[...]
        while let word = rest.popFirst() {
            if word == "--" {
                positional += rest
                break
            }
            guard word.hasPrefix("--") else {
                guard !word.hasPrefix("-") || word.count == 1 else {
                    throw Usage("unknown option \(word): options begin with two hyphens")
                }
                positional.append(word)
                continue
            }
            try read(word.dropFirst(2), options, &rest)
        }
        if has("help") { return }
        for option in options where option.isRequired && values[option.name, default: ""].isEmpty {
            throw Usage("--\(option.name) is required")
        }
        try checkWords(command.words)
    }

    private mutating func read(
        _ word: Substring, _ options: [CommandOption], _ rest: inout ArraySlice<String>
    ) throws(Usage) {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let option = options.first(where: { $0.name == parts[0] }) else {
            let nearest = nearest(to: parts[0], among: options.map(\.name)).map { "; did you mean --\($0)?" } ?? ""
            throw Usage("unknown option --\(parts[0])\(nearest)")
        }
        guard option.value != nil else {
            guard parts.count == 1 else { throw Usage("--\(option.name) takes no value") }
            flags.insert(option.name)
            return
        }
        guard let value = parts.count == 2 ? parts[1] : rest.popFirst() else {
            throw Usage("--\(option.name) needs a value")
        }
        if !option.choices.isEmpty { try Self.check(value, option.choices, "--\(option.name)") }
        guard values.updateValue(value, forKey: option.name) == nil else {
            throw Usage("--\(option.name) stands twice")
        }
    }

    private func checkWords(_ words: [CommandWord]) throws(Usage) {
        for (index, word) in words.enumerated() {
            guard positional.indices.contains(index) else {
                if word.isOptional { break }
                throw Usage("<\(word.name)> is missing")
            }
            if !word.choices.isEmpty, !word.areChoicesOpen {
                try Self.check(positional[index], word.choices, "<\(word.name)>")
            }
        }
        if words.last?.isRepeated != true, positional.count > words.count {
            throw Usage("\(positional[words.count]) is one word too many; a value with blanks needs quotes")
        }
    }

    private static func check(_ value: String, _ choices: [String], _ what: String) throws(Usage) {
        guard !choices.contains(value) else { return }
        let hint = nearest(to: value, among: choices).map { "; did you mean \($0)?" } ?? ""
        throw Usage("\(what) is one of \(choices.joined(separator: ", "))\(hint)")
    }

    func has(_ flag: String) -> Bool { flags.contains(flag) }

    func optional(_ name: String) -> String? { values[name] }

    /// The value of an option that the command requires, or has a default for.
    func text(_ name: String, or standard: String = "") -> String { values[name] ?? standard }

    /// The positional word at `index`, which the command requires.
    func word(_ index: Int) -> String { positional.indices.contains(index) ? positional[index] : "" }

    /// The queue that `--queue` names.
    var queue: QueueName? { optional("queue").flatMap(QueueName.init(rawValue:)) }

    func list(_ name: String) -> [String]? { values[name].map { $0.split(separator: ",").map(String.init) } }

    func integer(_ name: String, or standard: Int, in range: ClosedRange<Int>) throws(Usage) -> Int {
        guard let text = values[name] else { return standard }
        guard let number = Int(text), range.contains(number) else {
            throw Usage(
                "--\(name) needs a whole number from \(range.lowerBound.grouped) to \(range.upperBound.grouped)")
        }
        return number
    }

    /// An instant as RFC 3339 has it, a day in UTC, or how long ago.
    func instant(_ name: String, now: EpochMilliseconds) throws(Usage) -> EpochMilliseconds? {
        guard let text = values[name] else { return nil }
        if let instant = EpochMilliseconds(rfc3339: text) ?? EpochMilliseconds(rfc3339: text + "T00:00:00Z") {
            return instant
        }
        if let age = Duration(words: text) { return now - age }
        throw Usage(
            "--\(name) needs an age such as 90s, 15m, 2h or 3d, a day, or an instant such as 2026-11-28T02:00:00+09:00")
    }

    func uuid(_ index: Int, _ name: String, _ hint: String) throws(Usage) -> UUID {
        guard let id = UUID(word(index)) else { throw Usage("<\(name)> is a uuid: see \(hint)") }
        return id
    }
}
