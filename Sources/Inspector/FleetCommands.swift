import Core
import EventLoop
import Redis

/// `workers`: who is there.
enum FleetCommands {
    static let all = [workers] + ScheduleCommands.all

    static let workers = Command(
        "workers", .fleet, "Lists the fleet's processes, each by its connections to Redis.", examples: ["workers"],
        details: "An idle fleet writes nothing to say that it is there: who is connected, is there."
    ) { session, _ in
        let reply = try await session.redis().command(["CLIENT", "LIST", "TYPE", "normal"])
        var processes: [String: Presence] = [:]
        for line in (reply.string ?? "").split(separator: "\n") {
            let client = Presence(line)
            guard client.name.hasPrefix("tributary-"), !client.name.hasPrefix("tributary-inspector") else { continue }
            processes[client.name, default: Presence("")].join(client)
        }
        var listing = Listing(
            "processes",
            [
                .init("process", "process"), .init("connections", "connections", isRight: true),
                .init("connectedSeconds", "connected for", isRight: true),
                .init("quietSeconds", "quiet for", isRight: true), .init("lastCommand", "last command"),
            ], whenEmpty: "No process of the fleet is connected to this Redis.")
        listing.rows = processes.sorted { $0.key < $1.key }.map { name, presence in
            [
                .init(name), .init(Int64(presence.connections)),
                .init("\(Duration.seconds(presence.ageSeconds).words)", JSON(integer: presence.ageSeconds)),
                .init("\(Duration.seconds(presence.idleSeconds).words)", JSON(integer: presence.idleSeconds)),
                .init(presence.lastCommand),
            ]
        }
        return listing.answer
    }
}

/// What Redis says of one process' connections.
struct Presence {
    private(set) var name = ""
    private(set) var connections = 0
    private(set) var ageSeconds: Int64 = 0
    /// Of the connection that was used last.
    private(set) var idleSeconds = Int64.max
    private(set) var lastCommand = "-"

    /// A line of `CLIENT LIST`: fields such as `age=12` with blanks between.
    init(_ line: some StringProtocol) {
        for field in line.split(separator: " ") {
            let parts = field.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { continue }
            switch parts[0] {
            case "name": name = String(parts[1])
            case "age": ageSeconds = Int64(parts[1]) ?? 0
            case "idle": idleSeconds = Int64(parts[1]) ?? 0
            case "cmd": lastCommand = String(parts[1])
            default: break
            }
        }
        if !name.isEmpty { connections = 1 }
    }

    mutating func join(_ other: Self) {
        name = other.name
        connections += other.connections
        ageSeconds = max(ageSeconds, other.ageSeconds)
        if other.idleSeconds <= idleSeconds { (idleSeconds, lastCommand) = (other.idleSeconds, other.lastCommand) }
    }
}
