/// An option of a command, as the parser, the help and the shell completion know it.
struct CommandOption: Sendable {
    /// Without the two hyphens.
    let name: String
    /// What stands for its value in help, such as `NAME`; `nil` for a flag, which takes none.
    let value: String?
    let help: String
    /// What the value may be, where that is a closed list.
    var choices: [String] = []
    var isRequired = false

    static func value(
        _ name: String, _ value: String, _ help: String, choices: [String] = [], isRequired: Bool = false
    ) -> Self {
        Self(name: name, value: value, help: help, choices: choices, isRequired: isRequired)
    }

    static func required(_ name: String, _ value: String, _ help: String, choices: [String] = []) -> Self {
        Self(name: name, value: value, help: help, choices: choices, isRequired: true)
    }

    static func flag(_ name: String, _ help: String) -> Self { Self(name: name, value: nil, help: help) }

    /// `--name VALUE`
    var usage: String { "--\(name)\(value.map { " \($0)" } ?? "")" }

    /// Every command has them.
    static let everywhere: [Self] = [
        .flag("json", "answer as JSON, for programs"),
        .flag("no-color", "no colours; the variable NO_COLOR does the same, and what is no terminal gets none"),
        .flag("help", "show this help"),
    ]
}

/// A word that a command takes beside its options, such as `<job id>`.
struct CommandWord: Sendable {
    let name: String
    let help: String
    var choices: [String] = []
    /// There may be others than the choices, which a command looks up itself.
    var areChoicesOpen = false
    var isOptional = false
    /// May stand several times.
    var isRepeated = false

    init(
        _ name: String, _ help: String, choices: [String] = [], areChoicesOpen: Bool = false, isOptional: Bool = false,
        isRepeated: Bool = false
    ) {
        self.name = name
        self.help = help
        self.choices = choices
        self.areChoicesOpen = areChoicesOpen
        self.isOptional = isOptional
        self.isRepeated = isRepeated
    }

    var usage: String {
        let word = "<\(name)>" + (isRepeated ? "…" : "")
        return isOptional ? "[\(word)]" : word
    }
}
