import EventLoop
import Redis
import TestSupport

@testable import JobQueue

/// Every job of a queue in a shard by the place where it is, as Redis holds them; ids sorted where order says nothing.
struct QueuePlaces: Equatable {
    var jobs: [String] = []
    var ready: [String] = []
    var alone: [String] = []
    var scheduled: [String] = []
    var leased: [String] = []
    var dead: [String] = []
}

extension QueueFixture {
    /// One round trip.
    func places(_ name: QueueName = .webhooks) async throws -> QueuePlaces {
        async let jobs = strings("HKEYS", key("jobs", name))
        async let ready = strings("LRANGE", key("ready", name), 0, -1)
        async let alone = strings("LRANGE", key("alone", name), 0, -1)
        async let scheduled = strings("ZRANGE", key("scheduled", name), 0, -1)
        async let leases = strings("HVALS", key("leases", name))
        async let dead = strings("ZRANGE", key("dead", name), 0, -1)
        let leased = try await leases.flatMap { record in
            record.split(separator: "\n")[1].split(separator: " ").map(String.init)
        }
        return QueuePlaces(
            jobs: try await jobs.sorted(), ready: try await ready, alone: try await alone,
            scheduled: try await scheduled.sorted(), leased: leased.sorted(), dead: try await dead.sorted())
    }

    /// As if the time of every lease had passed; the next look takes them back.
    func expireLeases(_ name: QueueName = .webhooks) async throws {
        for fence in try await strings("ZRANGE", key("expiries", name), 0, -1) {
            _ = try await connection.command(["ZADD", key("expiries", name), 1, .string(fence)])
        }
        try await lookNow(name)
    }

    /// As if every scheduled job had come due.
    func makeDue(_ name: QueueName = .webhooks) async throws {
        for member in try await strings("ZRANGE", key("scheduled", name), 0, -1) {
            _ = try await connection.command(["ZADD", key("scheduled", name), 1, .string(member)])
        }
        try await lookNow(name)
    }

    private func lookNow(_ name: QueueName) async throws {
        _ = try await connection.command(["HSET", key("meta", name), "check", 1])
    }

    /// Starts Redis again, and waits until this connection has noticed it.
    func restart() async throws {
        let run = connection.serverRunID
        try await redis.restart()
        try await eventually { connection.isReady && connection.serverRunID != run }
    }
}
