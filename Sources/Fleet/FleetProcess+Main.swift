import EventLoop
import Glibc
import Telemetry

extension FleetProcess {
    /// The whole of an executable: reads the command line and the configuration, runs the process on this thread, exits.
    ///
    /// - Parameters:
    ///   - requires: settings without a default that this process cannot do without.
    ///   - acknowledgesEnqueues, checks, setUp: as for the initializer.
    nonisolated package static func main(
        _ name: String, requires: [Setting] = [], acknowledgesEnqueues: Bool = true, checks: [StartCheck] = [],
        setUp: @escaping @Loop (FleetProcess) async throws -> Void
    ) -> Never {
        let arguments = ProcessArguments(CommandLine.arguments.dropFirst())
        switch arguments {
        case .help:
            print(ProcessArguments.help(program: name, required: requires), terminator: "")
            end(.success)
        case .unknown(let argument):
            complain("\(name): unknown argument \(argument); see --help")
            end(.usage)
        case .run, .checkConfiguration: break
        }
        let configuration: FleetConfiguration
        do {
            configuration = try FleetConfiguration.load(required: requires)
        } catch {
            complain("\(name): \(error)")
            end(.configuration)
        }
        if arguments == .checkConfiguration {
            print(configuration.lines.joined(separator: "\n"))
            end(.success)
        }
        Log.level = configuration.logLevel
        Task { @Loop in
            let process = FleetProcess(
                name, configuration, acknowledgesEnqueues: acknowledgesEnqueues, checks: checks, setUp: setUp)
            end(await process.run())
        }
        Loop.run()
        end(.failure)
    }

    nonisolated static func end(_ code: ExitCode) -> Never {
        LogWriter.standardError.flush()
        exit(code.rawValue)
    }

    /// Plain words for whoever typed the command; logs have not begun.
    nonisolated private static func complain(_ text: String) {
        LogWriter.standardError.write(Array("\(text)\n".utf8))
    }
}
