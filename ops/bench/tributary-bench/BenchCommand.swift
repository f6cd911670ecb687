import EventLoop

/// A part of the fleet that can be measured alone. Prints its result as one line of JSON.
struct BenchCommand: Sendable {
    let name: String
    let usage: String
    let run: @Loop @Sendable (BenchOptions) async throws -> Void

    static let all = [webhooks, enqueue, load, work, orders]

    /// The exit code of the command that `arguments` name.
    @Loop static func run(_ arguments: [String]) async -> Int32 {
        guard let command = all.first(where: { $0.name == arguments.first }) else {
            print("usage: tributary-bench COMMAND [--option VALUE]...")
            for command in all { print("  \(command.name) \(command.usage)") }
            return arguments.first == "--help" ? 0 : 64
        }
        do {
            try await command.run(try BenchOptions(Array(arguments.dropFirst())))
            return 0
        } catch {
            print("tributary-bench \(command.name): \(error)")
            return 1
        }
    }
}
