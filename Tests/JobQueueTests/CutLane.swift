import EventLoop
import Redis
import TestSupport

@testable import JobQueue

/// A queue that is reached directly, and through a proxy that cuts its connection at a chosen byte of a call.
@Loop
final class CutLane {
    /// Where the connection of a call is cut: so many bytes of its request reach Redis, or so many of the reply come back.
    struct Cut: Hashable, Sendable, CustomStringConvertible {
        var direction: TestProxy.Direction
        var bytes: Int
        var description: String { "\(direction) after \(bytes) bytes" }
    }

    let fixture: QueueFixture
    let proxy: TestProxy
    /// Through the proxy.
    let queue: JobQueue
    /// Of the present call; every call of a lane has ids of the same length, so that their bytes can be counted once.
    private(set) var number = 10_000

    init() async throws {
        // Short, since every byte of every key is a place to cut at.
        let prefix = "c\(String(UInt32.random(in: 1 << 28 ... .max), radix: 36))"
        fixture = try await QueueFixture.make {
            $0.prefix = prefix
            $0.lease = .seconds(60)
        }
        proxy = try TestProxy(to: fixture.redis.port)
        var configuration = try RedisConfiguration(host: proxy.host, port: proxy.port)
        configuration.reconnectWaitBase = .milliseconds(1)
        configuration.reconnectWaitMax = .milliseconds(1)
        let connection = RedisClient(configuration, purpose: "cut")
        connection.start()
        try await connection.waitUntilReady(within: .seconds(10))
        queue = JobQueue(connection: connection, configuration: fixture.configuration)
    }

    var id: String { "job-\(number)" }

    /// The bytes of a call that is not cut, the second of its kind: Redis knows the script then.
    func cuts(of call: Call) async throws -> [Cut] {
        var request = 0
        var reply = 0
        for _ in 0..<2 {
            try await call.prepare(self)
            (request, reply) = (proxy.bytesPassed[.towardsServer] ?? 0, proxy.bytesPassed[.towardsClient] ?? 0)
            try await call.call(self)
            request = (proxy.bytesPassed[.towardsServer] ?? 0) - request
            reply = (proxy.bytesPassed[.towardsClient] ?? 0) - reply
            try await call.verify(self)
            number += 1
        }
        return (0...request).map { Cut(direction: .towardsServer, bytes: $0) }
            + (1...reply).map { Cut(direction: .towardsClient, bytes: $0) }
    }

    func run(_ call: Call, cut: Cut) async throws {
        try await call.prepare(self)
        let connections = proxy.acceptedCount
        proxy.cut(cut.direction, afterBytes: cut.bytes)
        try await call.call(self)
        try await call.verify(self)
        number += 1
        // It really was cut, and what follows is not: the last byte's end may not have been noticed yet.
        try await eventually { proxy.acceptedCount > connections && queue.connection.isReady }
    }

    /// As callers do: again after everything that a lost connection may be.
    func repeated<Value: Sendable>(_ body: @Loop () async throws(QueueError) -> Value) async throws -> Value {
        while true {
            do throws(QueueError) {
                return try await body()
            } catch {
                guard error.isUnreachableStore else { throw error }
                try await queue.connection.waitUntilReady(within: .seconds(10))
            }
        }
    }

    func close() { proxy.close() }

    /// One kind of call: what must be there before, the call as callers repeat it, and what must be there whatever was cut.
    struct Call {
        var prepare: @Loop (CutLane) async throws -> Void = { _ in }
        var call: @Loop (CutLane) async throws -> Void
        var verify: @Loop (CutLane) async throws -> Void
    }

    /// Runs a call once for each byte of it, over some lanes at a time; how many cuts that were.
    static func runCuttingEverywhere(_ makeCall: @Loop () -> Call) async throws -> Int {
        var lanes: [(lane: CutLane, call: Call)] = []
        for _ in 0..<6 { lanes.append((try await CutLane(), makeCall())) }
        defer { for (lane, _) in lanes { lane.close() } }
        let all = try await lanes[0].lane.cuts(of: lanes[0].call)
        for (lane, call) in lanes.dropFirst() { _ = try await lane.cuts(of: call) }
        var next = all[...]
        let runs = lanes.map { lane, call in
            Task { @Loop in
                while let cut = next.popFirst() {
                    do {
                        try await lane.run(call, cut: cut)
                    } catch {
                        throw TestSupportError("cut \(cut): \(error)")
                    }
                }
            }
        }
        for run in runs { try await run.value }
        return all.count
    }
}
