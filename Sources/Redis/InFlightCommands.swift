import EventLoop

/// A command whose reply is awaited.
struct InFlightCommand {
    /// Who is told, exactly once.
    enum Receiver {
        case task(CheckedContinuation<Result<RedisValue, RedisError>, Never>)
        case closure(@Loop (Result<RedisValue, RedisError>) -> Void)

        @Loop func receive(_ result: Result<RedisValue, RedisError>) {
            switch self {
            case .task(let continuation): continuation.resume(returning: result)
            case .closure(let body): body(result)
            }
        }
    }

    let receiver: Receiver
    /// How long Redis may be silent once this is the oldest command, in milliseconds.
    let owedWithin: Int64
    /// Where the command begins in the stream of all bytes given to this link.
    let startOffset: Int
}

/// The commands of one link in the order of their replies; a queue in an array with a moving head.
struct InFlightCommands {
    private var commands: [InFlightCommand?] = []
    private var head = 0

    var isEmpty: Bool { head == commands.count }
    var count: Int { commands.count - head }
    /// The oldest command's patience; nil when there is none.
    var firstOwedWithin: Int64? { isEmpty ? nil : commands[head]?.owedWithin }

    mutating func append(_ command: InFlightCommand) { commands.append(command) }

    mutating func popFirst() -> InFlightCommand? {
        guard head < commands.count else { return nil }
        let command = commands[head]
        commands[head] = nil
        head += 1
        if head == commands.count {
            commands.removeAll(keepingCapacity: head <= 4096)
            head = 0
        } else if head >= 4096, head * 2 >= commands.count {
            // At most every second element moves once: constant cost for each command.
            commands.removeFirst(head)
            head = 0
        }
        return command
    }
}
