/// What the command line of a fleet process may ask for.
enum ProcessArguments: Equatable {
    case run
    case help
    case checkConfiguration
    /// Ends the process with ``ExitCode/usage``.
    case unknown(String)

    init(_ arguments: some Collection<String>) {
        var found = ProcessArguments.run
        for argument in arguments {
            switch argument {
            case "--help", "-h": found = .help
            case "--check-config": if found == .run { found = .checkConfiguration }
            default:
                self = .unknown(argument)
                return
            }
        }
        self = found
    }

    /// The text of `--help`: usage and every setting.
    static func help(program: String, required: [Setting]) -> String {
        var lines = [
            "usage: \(program) [--check-config | --help]",
            "",
            "  --check-config   check the configuration, show it with *** for secrets, and exit 0 or 78",
            "  --help           show this",
            "",
            "Settings, from the environment or from the file that \(Setting.configFile.name) names; the environment wins:",
        ]
        for setting in Setting.all {
            lines.append("")
            lines.append("  \(setting.name)\(required.contains(setting) ? "  (required)" : "")")
            lines.append("      \(setting.meaning)")
            let standard = setting.defaultText.map { "; default \($0.isEmpty ? "none" : $0)" } ?? ""
            lines.append("      \(setting.shape)\(standard)")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
