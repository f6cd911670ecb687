import EventLoop
import TestSupport
import Testing

@testable import Inspector

/// What shells complete, asked of the shells themselves.
struct CompletionTests {
    init() { Loop.startThread() }

    /// What bash offers after these words; the last one is being typed.
    private func bash(_ words: [String]) async throws -> [String] {
        let line = (["tributary"] + words).map { "'\($0)'" }.joined(separator: " ")
        let script = """
            \(Completion.bash(Inspector.commands))
            COMP_WORDS=(\(line)); COMP_CWORD=\(words.count); _tributary; printf '%s\\n' "${COMPREPLY[@]}"
            """
        let result = try await runCommand("bash", ["--norc", "-eu", "-c", script])
        #expect(result.status == 0 && result.stderr.isEmpty, "\(result.stderr)")
        return result.stdout.split(separator: "\n").map(String.init)
    }

    @Test func bashCompletesCommands() async throws {
        #expect(try await bash(["que"]) == ["queues"])
        #expect(try await Set(bash([""])).isSuperset(of: ["order", "dead", "partner", "completion"]))
        #expect(try await bash(["dead", ""]) == ["list", "retry", "delete", "export"])
    }

    @Test func bashCompletesOptionsAndTheirValues() async throws {
        #expect(try await bash(["dead", "retry", "--dr"]) == ["--dry-run"])
        #expect(
            try await bash(["jobs", "--state", ""]) == [
                "ready", "leased", "scheduled", "dead", "quarantined", "completed", "held",
            ])
        #expect(try await bash(["jobs", "--queue", "w"]) == ["webhooks"])
        #expect(try await bash(["pause", "n"]) == ["notifications"])
        #expect(try await bash(["tail", "--outcome", "re"]) == ["retried"])
        #expect(try await bash(["watch", "--i"]) == ["--interval"])
        #expect(try await bash(["schedule", "run", "c"]) == ["commission-confirmation"])
        #expect(try await bash(["job", "--"]) == ["--json", "--no-color", "--help"])
        // A free value is the shell's own business.
        #expect(try await bash(["jobs", "--error", ""]) == [])
    }

    @Test func everyCommandAndOptionIsKnownToZsh() async throws {
        let script = Completion.zsh(Inspector.commands)
        #expect(script.hasPrefix("#compdef tributary\n"))
        for command in Inspector.commands {
            #expect(script.contains("        '\(command.name)')\n"), "\(command.name)")
            for option in command.options { #expect(script.contains("'--\(option.name)["), "\(option.name)") }
        }
        // Quotes and brackets stand in pairs for the shell; zsh itself checks it where there is one.
        let quotes = script.replacing("'\\''", with: "").count { $0 == "'" }
        #expect(quotes.isMultiple(of: 2))
        if (try? findProgram("zsh")) != nil {
            let result = try await runCommand("zsh", ["-n", "/dev/stdin"], stdin: Array(script.utf8))
            #expect(result.status == 0, "\(result.stderr)")
        }
    }

    @Loop @Test func theCommandPrintsThem() async throws {
        let run = try await InspectorFixture.tributary(["completion", "zsh"], [:])
        #expect(run.status == .ok && run.out == Completion.zsh(Inspector.commands) + "\n")
    }
}
