import Core
import JobQueue

/// A process of the fleet, by its connections to Redis: an idle one writes nothing to say that it is there.
struct WorkerPresence {
    /// As its connections are named, such as `tributary-click-worker@host:4711`; the workers' names in leases are the same.
    let name: String
    private(set) var connections = 0
    private(set) var ageSeconds: Int64 = 0
    /// Of the connection that was used last.
    private(set) var idleSeconds = Int64.max
    private(set) var lastCommand = "-"
    /// Queues for whose markers it has a connection: it works on these.
    private(set) var queues: Set<QueueName> = []

    private init(name: String) { self.name = name }

    private static let wakePurpose = "wake-"

    /// Reads the lines of `CLIENT LIST`; the inspector's own connections and those of others are left out.
    static func read(_ text: String) -> [WorkerPresence] {
        var found: [String: WorkerPresence] = [:]
        for line in text.split(separator: "\n") {
            let fields = fields(line)
            guard let whole = fields["name"], whole.hasPrefix("tributary-") else { continue }
            // What the connection is for stands behind the last colon; a name without one is a process of its own.
            let colon = whole.lastIndex(of: ":")
            let (name, purpose) = colon.map { (whole[..<$0], whole[$0...].dropFirst()) } ?? (whole[...], "")
            found[String(name), default: WorkerPresence(name: String(name))].join(fields, purpose)
        }
        return found.values.sorted { $0.name < $1.name }
    }

    private static func fields(_ line: Substring) -> [Substring: Substring] {
        var fields: [Substring: Substring] = [:]
        for field in line.split(separator: " ") {
            let parts = field.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { fields[parts[0]] = parts[1] }
        }
        return fields
    }

    private mutating func join(_ fields: [Substring: Substring], _ purpose: Substring) {
        connections += 1
        ageSeconds = max(ageSeconds, fields["age"].flatMap { Int64($0) } ?? 0)
        let idle = fields["idle"].flatMap { Int64($0) } ?? 0
        if idle <= idleSeconds {
            idleSeconds = idle
            lastCommand = String(fields["cmd"] ?? "-")
        }
        guard purpose.hasPrefix(Self.wakePurpose) else { return }
        // On a Redis Cluster the shard stands behind it.
        let queue = purpose.dropFirst(Self.wakePurpose.count).prefix { $0 != "-" }
        if let queue = QueueName(rawValue: String(queue)) { queues.insert(queue) }
    }
}
