/// One thing wrong with the configuration: which name, what shape it must have, what to do. Never shows a value that could
/// be a secret.
package struct ConfigurationProblem: Error, Hashable, Sendable, CustomStringConvertible {
    package let name: String
    package let reason: String

    package var description: String { "\(name): \(reason)" }
}

/// All problems of a configuration at one go. The program prints them and exits with ``ExitCode/configuration``.
package struct ConfigurationProblems: Error, Sendable, CustomStringConvertible {
    package let problems: [ConfigurationProblem]

    package var description: String {
        let title =
            problems.count == 1
            ? "1 problem with the configuration:" : "\(problems.count) problems with the configuration:"
        return ([title] + problems.map { "  \($0)" }).joined(separator: "\n")
    }
}
