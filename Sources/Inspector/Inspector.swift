import Core
import EventLoop
package import Fleet
import JobQueue
import Ledger
import Postgres
import Redis
import Telemetry

/// The program `tributary`: finds the command, runs it, shows its answer, and says by its exit code how it went.
package enum Inspector {
    /// Every command, in the order of `--help`.
    static let commands: [Command] =
        SetupCommands.all + PartnerCommands.all + AccessCommands.all + OrderCommands.all + MoneyCommands.all
        + QueueCommands.all + [WatchCommand.command, LimitsCommand.command, TailCommand.command] + JobCommands.all
        + DeadLetterCommands.all
        + QueueLimitPage.commands + QuarantineCommands.all + [CheckCommand.command] + WorkCommands.all
        + FleetCommands.all
        + [Completion.command]

    /// Runs the command that `words` name.
    ///
    /// - Parameter configuration: read when the command needs it, once; that of the process's environment by default.
    @Loop package static func run(
        _ words: [String], on console: Console = .standard,
        configuration: @escaping () throws -> FleetConfiguration = { try FleetConfiguration.load() }
    ) async -> ExitStatus {
        console.isColourless = words.contains("--no-color")
        // A store that is away is told once, by the command's own error.
        Log.level = .error
        do {
            return try await answer(words, console, configuration)
        } catch {
            // Nobody reads any more, and what was to be done is done.
            return .ok
        }
    }

    @Loop private static func answer(
        _ words: [String], _ console: Console, _ configuration: @escaping () throws -> FleetConfiguration
    ) async throws -> ExitStatus {
        let spoken = words.filter { !["--no-color", "--json"].contains($0) }
        guard let first = spoken.first, !["--help", "-h", "help"].contains(first) else {
            return try await help(Array(spoken.dropFirst()), isAsked: !spoken.isEmpty, console)
        }
        guard let (command, rest) = find(words) else {
            try await console.show(["tributary: \(unknown(spoken))"], on: .errors)
            return .usage
        }
        let arguments: Arguments
        do {
            arguments = try Arguments(rest, for: command)
        } catch {
            return try await usage(command, error, console)
        }
        if arguments.has("help") {
            try await console.show(Help.page(of: command))
            return .ok
        }
        let session = Session(console: console, wantsJSON: arguments.has("json"), load: configuration)
        do {
            let status = try await run(command, arguments, session)
            await session.close()
            return status
        } catch {
            await session.close()
            return try await report(error, command, arguments, console)
        }
    }

    @Loop private static func run(
        _ command: Command, _ arguments: Arguments, _ session: Session
    ) async throws -> ExitStatus {
        let answer = try await command.run(session, arguments)
        if !answer.isWritten {
            if session.wantsJSON {
                try await session.console.write(answer.json.text + "\n")
            } else {
                try await session.console.show(answer.page)
            }
        }
        return answer.isGood ? .ok : .failed
    }

    /// `tributary help [command]`; without a command the overview, which is an answer when it was asked for.
    @Loop private static func help(_ words: [String], isAsked: Bool, _ console: Console) async throws -> ExitStatus {
        guard !words.isEmpty else {
            let overview = Help.overview(commands)
            try await console.show(overview, on: isAsked ? .out : .errors)
            return isAsked ? .ok : .usage
        }
        guard let (command, _) = find(words) else {
            try await console.show(["tributary: \(unknown(words))"], on: .errors)
            return .usage
        }
        try await console.show(Help.page(of: command))
        return .ok
    }

    // MARK: What went wrong

    @Loop private static func usage(
        _ command: Command, _ error: Arguments.Usage, _ console: Console
    ) async throws -> ExitStatus {
        try await console.show(
            [
                "\("tributary \(command.name)", .bold): \(error)", "usage: \(Help.usage(command))",
                "See `tributary \(command.name) --help`.",
            ], on: .errors)
        return .usage
    }

    @Loop private static func report(
        _ error: any Error, _ command: Command, _ arguments: Arguments, _ console: Console
    ) async throws -> ExitStatus {
        switch error {
        case let gone as Console.ReaderIsGone: throw gone
        case let error as Arguments.Usage: return try await usage(command, error, console)
        case let problems as ConfigurationProblems:
            try await console.show(
                problems.description.split(separator: "\n").map { StyledLine(String($0)) }
                    + ["See docs/configuration.md, or `tributary --help` for where it is read from."], on: .errors)
            return .configuration
        default: break
        }
        let (status, text) = told(error)
        try await console.show(["\("tributary \(command.name)", .bold): \(text)"], on: .errors)
        return status
    }

    /// The exit code of an error, and what a person can do about it.
    private static func told(_ error: any Error) -> (ExitStatus, String) {
        switch error {
        case let error as MissingSetting: (.configuration, error.description)
        case let error as PostgresError where error.isUnreachableStore:
            (.unreachable, "PostgreSQL does not answer (TRIBUTARY_POSTGRES_URL): \(error.message)")
        case let error as RedisError where error.isUnreachableStore:
            (.unreachable, "Redis does not answer (TRIBUTARY_REDIS_URL): \(error.message)")
        case let error as QueueError where error.isUnreachableStore: (.unreachable, error.description)
        // A table or a schema that is not there.
        case let error as PostgresError where ["42P01", "3F000", "42703"].contains(error.sqlState):
            (.failed, "the database has not this program's schema: run `tributary migrate` (\(error.message))")
        case QueueError.invalid(let reason): (.failed, reason)
        default: (.failed, "\(error)")
        }
    }

    // MARK: Finding a command

    /// A command has one or two words.
    static func find(_ words: [String]) -> (Command, [String])? {
        for count in [2, 1] where words.count >= count {
            let name = words.prefix(count).joined(separator: " ")
            if let command = commands.first(where: { $0.name == name }) {
                return (command, Array(words.dropFirst(count)))
            }
        }
        return nil
    }

    private static func unknown(_ words: [String]) -> String {
        let members = commands.map(\.name).filter { $0.hasPrefix(words[0] + " ") }
        let second = words.dropFirst().first { !$0.hasPrefix("-") }
        if !members.isEmpty, second == nil {
            return "\(words[0]) needs a second word: \(members.map { "`\($0)`" }.joined(separator: ", "))"
        }
        let typed = ([words[0]] + (second.map { [$0] } ?? [])).joined(separator: " ")
        let near = nearest(to: typed, among: commands.map(\.name)) ?? nearest(to: words[0], among: commands.map(\.name))
        let hint = near.map { "did you mean `tributary \($0)`?" } ?? "see `tributary --help`"
        return "there is no command \(members.isEmpty ? words[0] : typed): \(hint)"
    }
}
