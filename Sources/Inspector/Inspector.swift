import Core
import EventLoop
import Fleet
import Glibc
import JobQueue
import Ledger
import Postgres
import Redis
import Telemetry

/// The program `tributary`: finds the command, runs it, prints its answer, and says by its exit code how it went.
package enum Inspector {
    /// Every command, in the order of `--help`.
    static let commands =
        SetupCommands.all + DirectoryCommands.all + OrderCommands.all + MoneyCommands.all + QueueCommands.all
        + WorkCommands.all + FleetCommands.all

    /// A store did not answer.
    private static let unreachable: Int32 = 69

    /// Runs the command that `words` name; answers the exit code: 0 good, 1 refused or not as it should be, 64 usage,
    /// 69 a store is unreachable, 78 configuration.
    @Loop package static func run(_ words: [String]) async -> Int32 {
        guard let first = words.first, first != "--help", first != "help" else {
            write(overview, to: .stdout)
            return words.isEmpty ? ExitCode.usage.rawValue : 0
        }
        guard let (command, rest) = find(words) else {
            write(
                "tributary: there is no command \(words.prefix(2).joined(separator: " ")); see tributary --help",
                to: .stderr)
            return ExitCode.usage.rawValue
        }
        let arguments: Arguments
        do {
            arguments = try Arguments(rest, options: command.options, flags: command.flags)
        } catch {
            return usage(command, error.description)
        }
        if arguments.has("help") {
            write(command.help, to: .stdout)
            return 0
        }
        return await run(command, arguments)
    }

    @Loop private static func run(_ command: Command, _ arguments: Arguments) async -> Int32 {
        let configuration: FleetConfiguration
        do {
            configuration = try FleetConfiguration.load()
        } catch {
            write("\(error)", to: .stderr)
            return ExitCode.configuration.rawValue
        }
        Log.level = .warning
        let session = Session(configuration)
        let code: Int32
        do {
            let answer = try await command.run(session, arguments)
            if arguments.has("json") {
                write(String(decoding: answer.json.serialized(), as: UTF8.self), to: .stdout)
            } else {
                write(answer.lines.joined(separator: "\n"), to: .stdout)
            }
            code = answer.isGood ? 0 : ExitCode.failure.rawValue
        } catch let error as Arguments.Usage {
            code = usage(command, error.description)
        } catch {
            write("tributary \(command.name): \(error)", to: .stderr)
            code = isUnreachable(error) ? unreachable : ExitCode.failure.rawValue
        }
        await session.close()
        return code
    }

    private static func isUnreachable(_ error: any Error) -> Bool {
        (error as? PostgresError)?.isUnreachableStore == true || (error as? RedisError)?.isUnreachableStore == true
            || (error as? QueueError)?.isUnreachableStore == true
    }

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

    private static func usage(_ command: Command, _ problem: String) -> Int32 {
        write("tributary \(command.name): \(problem)\n\n\(command.help)", to: .stderr)
        return ExitCode.usage.rawValue
    }

    static var overview: String {
        let width = commands.map(\.name.count).max() ?? 0
        let rows = commands.map { command in
            "  \(command.name)\(String(repeating: " ", count: width - command.name.count))  \(command.summary)"
        }
        return
            "tributary: looks into the fleet and repairs it\n\nusage: tributary <command> [options] [--json] [--help]\n\n"
            + rows.joined(separator: "\n")
            + "\n\nIt reads the fleet's configuration: TRIBUTARY_* in the environment, or the file that TRIBUTARY_CONFIG names."
    }

    private enum Output: Int32 {
        case stdout = 1
        case stderr = 2
    }

    /// The answer is the program's last act, so it may wait for a slow reader.
    private static func write(_ text: String, to output: Output) {
        var rest = Array((text + "\n").utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(output.rawValue, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else { return }
            rest = rest.dropFirst(max(0, count))
        }
    }
}
