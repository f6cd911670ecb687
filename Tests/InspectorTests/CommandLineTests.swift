import Core
import EventLoop
import TestSupport
import Testing

@testable import Inspector

/// What the program makes of its command line, before it does anything.
struct CommandLineTests {
    init() { Loop.startThread() }

    @Loop private func run(_ words: String..., environment: [String: String] = [:]) async throws -> InspectorFixture.Run
    {
        try await InspectorFixture.tributary(words, environment)
    }

    @Loop @Test func withoutWordsItShowsItsHelpAsAnError() async throws {
        let run = try await run()
        #expect(run.status == .usage && run.out.isEmpty && run.errors.contains("usage: tributary <command>"))
        #expect(try await self.run("--help").status == .ok)
    }

    @Loop @Test func theOverviewNamesEveryCommandAndExitCode() async throws {
        let out = try await run("help").out
        for command in Inspector.commands {
            #expect(out.contains("  \(command.name) "), "\(command.name)")
            #expect(out.contains(command.summary), "\(command.name)")
        }
        for status in ["0 done", "1 not found", "64 wrong", "69 a store", "78 configuration"] {
            #expect(out.contains(status))
        }
    }

    @Loop @Test(arguments: Inspector.commands.map(\.name)) func everyCommandHasHelpWithExamplesThatParse(
        name: String
    ) async throws {
        let command = try #require(Inspector.commands.first { $0.name == name })
        let run = try await InspectorFixture.tributary(name.split(separator: " ").map(String.init) + ["--help"], [:])
        #expect(run.status == .ok)
        #expect(run.out.contains("usage: tributary \(name)") && run.out.contains("examples:"))
        for option in command.options + CommandOption.everywhere { #expect(run.out.contains("--\(option.name)")) }
        #expect(!command.examples.isEmpty)
        for example in command.examples {
            let words = Self.shellWords(example)
            let (found, rest) = try #require(Inspector.find(words))
            #expect(found.name == name)
            #expect(throws: Never.self, "\(example)") { _ = try Arguments(rest, for: command) }
        }
    }

    /// What a shell makes of an example: quotes, and nothing behind `#`, `|` and `>`.
    private static func shellWords(_ text: String) -> [String] {
        var words: [String] = []
        var word = ""
        var quote: Character?
        for character in text + " " {
            if character == quote {
                quote = nil
            } else if quote == nil, character == "\"" || character == "'" {
                quote = character
            } else if quote == nil, character == " " {
                if !word.isEmpty { words.append(word) }
                word = ""
            } else {
                word.append(character)
            }
        }
        return Array(words.prefix { !["#", "|", ">"].contains($0) })
    }

    @Loop
    @Test(arguments: [
        ("queus", "queues"), ("oder", "order"), ("parnter add", "partner add"), ("partner ad", "partner add"),
        ("ded list", "dead list"), ("dead lst", "dead list"), ("ledger chekc", "ledger check"), ("work", "workers"),
    ]) func anUnknownCommandSuggestsTheNearest(typed: String, meant: String) async throws {
        let run = try await InspectorFixture.tributary(typed.split(separator: " ").map(String.init), [:])
        #expect(run.status == .usage && run.out.isEmpty)
        #expect(run.errors.contains("did you mean `tributary \(meant)`?"), "\(run.errors)")
    }

    @Loop @Test func aCommandThatResemblesNoneSuggestsNothing() async throws {
        let run = try await run("xyzzy")
        #expect(run.status == .usage)
        #expect(run.errors == "tributary: there is no command xyzzy: see `tributary --help`\n")
    }

    @Loop @Test func aFirstWordAloneNamesItsSecondWords() async throws {
        let run = try await run("dead")
        #expect(run.status == .usage)
        #expect(run.errors.contains("`dead list`, `dead retry`, `dead delete`, `dead export`"))
    }

    @Loop
    @Test(arguments: [
        (["queues", "--rate", "1"], "unknown option --rate; did you mean --rates?"),
        (["queues", "-x"], "unknown option -x: options begin with two hyphens"),
        (["queues", "--rates"], "--rates needs a value"),
        (["queues", "--rates", "1", "--rates", "2"], "--rates stands twice"),
        (["queues", "--rates", "0"], "--rates needs a whole number from 1 to 60"),
        (["queues", "--json=yes"], "--json takes no value"), (["queues", "now"], "now is one word too many"),
        (["job"], "<job id> is missing"), (["partner", "add", "--code", "A"], "--name is required"),
        (
            ["pause", "webhook"],
            "<queue> is one of clicks, conversions, commissions, webhooks, notifications, batches; did you mean webhooks?"
        ),
        (["jobs", "--state", "sleeping"], "--state is one of ready, leased, scheduled, dead, quarantined, completed"),
        (["jobs", "--since", "yesterday"], "--since needs an age such as 90s"),
        (["jobs", "--cursor", "here"], "--cursor here is none"),
        (
            ["pay", "x", "--method", "m", "--reference", "r"],
            "<commission id> is a uuid: see `tributary order <order id>`"
        ),
        (["dead", "retry"], "name jobs, or say which by options, or --all"),
        (["completion", "fish"], "<shell> is one of bash, zsh"),
    ]) func aWrongLineIsToldWithItsUsage(words: [String], problem: String) async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            let run = try await InspectorFixture.tributary(words, tributary.environment)
            #expect(run.status == .usage && run.out.isEmpty)
            #expect(run.errors.contains(problem), "\(run.errors)")
            #expect(run.errors.contains("usage: tributary \(words[0])"))
        }
    }

    @Test func valuesMayFollowAnEqualsSignAndWordsTwoHyphens() throws {
        let command = try #require(Inspector.commands.first { $0.name == "dead retry" })
        let arguments = try Arguments(["--queue=webhooks", "--dry-run", "--", "--odd-id", "other"], for: command)
        #expect(arguments.optional("queue") == "webhooks" && arguments.has("dry-run"))
        #expect(arguments.positional == ["--odd-id", "other"])
    }

    // MARK: Configuration and stores

    @Loop @Test func aWrongConfigurationIsToldWhole() async throws {
        let run = try await run("queues", environment: ["TRIBUTARY_REDIS_URL": "nonsense", "TRIBUTARY_SHARDS": "many"])
        #expect(run.status == .configuration && run.out.isEmpty)
        #expect(run.errors.contains("TRIBUTARY_REDIS_URL") && run.errors.contains("TRIBUTARY_SHARDS"))
    }

    @Loop @Test func aMissingSettingIsNamed() async throws {
        let run = try await run("partner", "list")
        #expect(run.status == .configuration)
        #expect(run.errors == "tributary partner list: TRIBUTARY_POSTGRES_URL is not set: name the fleet's database\n")
        try await InspectorFixture.run { tributary in
            let run = try await tributary(
                "hook", "add", "--source", "a", "--platform", "shopify", "--secret", "s",
                changing: ["TRIBUTARY_MASTER_KEY": nil])
            #expect(run.status == .configuration && run.errors.contains("TRIBUTARY_MASTER_KEY is not set"))
        }
    }

    @Loop @Test func aStoreThatIsAwayIsToldByItsOwnCode() async throws {
        let port = try TestPort.free()
        let redis = try await run("queues", environment: ["TRIBUTARY_REDIS_URL": "redis://127.0.0.1:\(port)"])
        #expect(redis.status == .unreachable && redis.out.isEmpty)
        #expect(redis.errors.contains("Redis does not answer (TRIBUTARY_REDIS_URL)"), "\(redis.errors)")
        let postgres = try await run(
            "order", "1", environment: ["TRIBUTARY_POSTGRES_URL": "postgresql://postgres@127.0.0.1:\(port)/postgres"])
        #expect(postgres.status == .unreachable)
        #expect(postgres.errors.contains("PostgreSQL does not answer (TRIBUTARY_POSTGRES_URL)"), "\(postgres.errors)")
    }

    @Loop @Test func aDatabaseWithoutTheSchemaSaysWhatToDo() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            let run = try await tributary("partner", "list")
            #expect(run.status == .failed && run.errors.contains("run `tributary migrate`"), "\(run.errors)")
        }
    }

    @Loop @Test func completionNeedsNoConfiguration() async throws {
        #expect(try await run("completion", "bash", environment: ["TRIBUTARY_SHARDS": "many"]).status == .ok)
    }
}
