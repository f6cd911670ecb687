import Core

/// What shells need to know of the commands, made of the same tables as the help.
enum Completion {
    /// The command itself stands in the list it is made of.
    static let command: Command = Command(
        "completion", .shell, "Prints the completion of this program for a shell.",
        words: [CommandWord("shell", "whose language to speak", choices: ["bash", "zsh"])],
        examples: [
            "completion bash > ~/.local/share/bash-completion/completions/tributary",
            "completion zsh > ~/.zfunc/_tributary    # with fpath+=~/.zfunc before compinit",
        ]
    ) { _, arguments in
        let script = arguments.word(0) == "bash" ? bash(Inspector.commands) : zsh(Inspector.commands)
        return Answer(
            ["script": .string(script)],
            script.split(separator: "\n", omittingEmptySubsequences: false).map { StyledLine(String($0)) })
    }

    private static let header = "# Completion of `tributary`, printed by `tributary completion`. Changes are lost.\n"

    private static func firstWords(_ commands: [Command]) -> [String] {
        var seen: Set<String> = []
        return commands.map { String($0.name.prefix { $0 != " " }) }.filter { seen.insert($0).inserted }
    }

    private static func secondWords(_ first: String, _ commands: [Command]) -> [String] {
        commands.filter { $0.name.hasPrefix(first + " ") }.map { String($0.name.dropFirst(first.count + 1)) }
    }

    private static func options(_ command: Command) -> [CommandOption] { command.options + CommandOption.everywhere }

    /// Nothing of the tables may mean anything to a shell but these letters.
    private static func words(_ words: [String]) -> String { words.joined(separator: " ") }

    // MARK: bash

    static func bash(_ commands: [Command]) -> String {
        let groups = firstWords(commands).filter { !secondWords($0, commands).isEmpty }
        var lines = [
            "_tributary() {",
            "    local word=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\"",
            "    local command=\"${COMP_WORDS[1]:-}\" first=2 choices=",
            "    COMPREPLY=()",
            "    if ((COMP_CWORD == 1)); then",
            "        choices=\"\(words(firstWords(commands))) --help\"",
            "    else",
            "        case \"$command\" in",
        ]
        for group in groups {
            lines.append("        \(group))")
            lines.append("            if ((COMP_CWORD == 2)); then choices=\"\(words(secondWords(group, commands)))\"")
            lines.append("            else command=\"$command ${COMP_WORDS[2]}\" first=3; fi ;;")
        }
        lines += ["        esac", "    fi", "    if [[ -z $choices ]]; then", "        case \"$command:$before\" in"]
        for command in commands {
            for option in options(command) where option.value != nil {
                // A value that is free gets the names of files, which is the shell's own habit.
                lines.append("        \"\(command.name):--\(option.name)\")")
                lines.append(
                    option.choices.isEmpty
                        ? "            return ;;" : "            choices=\"\(words(option.choices))\" ;;")
            }
        }
        lines += ["        esac", "    fi", "    if [[ -z $choices ]]; then", "        case \"$command\" in"]
        for command in commands {
            let choices = options(command).map { "--\($0.name)" } + (command.words.first?.choices ?? [])
            lines.append("        \"\(command.name)\") choices=\"\(words(choices))\" ;;")
        }
        lines += [
            "        esac", "    fi", "    mapfile -t COMPREPLY < <(compgen -W \"$choices\" -- \"$word\")", "}",
            "complete -o default -F _tributary tributary",
        ]
        return header + lines.joined(separator: "\n")
    }

    // MARK: zsh

    static func zsh(_ commands: [Command]) -> String {
        var lines = ["_tributary() {", "    local -a commands", "    commands=("]
        for first in firstWords(commands) {
            let summary =
                commands.first { $0.name == first }?.summary
                ?? secondWords(first, commands).joined(separator: ", ")
            lines.append("        \(quoted(first + ":" + summary))")
        }
        lines += [
            "    )", "    if (( CURRENT == 2 )); then", "        _describe command commands", "        return",
            "    fi",
            "    local name=$words[2]", "    shift words", "    (( CURRENT-- ))", "    case $name in",
        ]
        for first in firstWords(commands) where !secondWords(first, commands).isEmpty {
            lines.append("        \(first))")
            lines.append("            local -a members")
            lines.append("            members=(")
            for command in commands where command.name.hasPrefix(first + " ") {
                let second = String(command.name.dropFirst(first.count + 1))
                lines.append("                \(quoted(second + ":" + command.summary))")
            }
            lines += [
                "            )", "            if (( CURRENT == 2 )); then", "                _describe command members",
                "                return", "            fi", "            name=\"$name $words[2]\"",
                "            shift words", "            (( CURRENT-- )) ;;",
            ]
        }
        lines += ["    esac", "    case $name in"]
        for command in commands {
            lines.append("        \(quoted(command.name)))")
            lines.append("            _arguments \\")
            let specifications = options(command).map(specification) + command.words.map(specification)
            lines.append(specifications.map { "                \(quoted($0))" }.joined(separator: " \\\n") + " ;;")
        }
        lines += ["    esac", "}", "compdef _tributary tributary"]
        return "#compdef tributary\n" + header + lines.joined(separator: "\n")
    }

    private static func specification(_ option: CommandOption) -> String {
        let head = "--\(option.name)[\(escaped(option.help))]"
        guard let value = option.value else { return head }
        return head + ":\(escaped(value)):" + (option.choices.isEmpty ? "" : "(\(words(option.choices)))")
    }

    private static func specification(_ word: CommandWord) -> String {
        let head = word.isRepeated ? "*" : word.isOptional ? ":" : ""
        return "\(head):\(escaped(word.name)):" + (word.choices.isEmpty ? "" : "(\(words(word.choices)))")
    }

    /// `_arguments` reads brackets and colons.
    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            if "[]:\\".contains(character) { result.append("\\") }
            result.append(character)
        }
    }

    private static func quoted(_ text: String) -> String { "'" + text.replacing("'", with: "'\\''") + "'" }
}
