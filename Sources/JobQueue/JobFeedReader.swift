import Core
package import EventLoop
package import Redis
import Telemetry

/// An operator's side of the feed: asks for it, and reads what comes.
@Loop
package final class JobFeedReader {
    package struct Event: Hashable, Sendable {
        package let event: JobEvent
        /// Which process told it.
        package let worker: String
    }

    /// What one look brought.
    package struct Piece: Sendable {
        package var events: [Event] = []
        /// Events that were left out since the last look: a worker had no room for them, or they went before they were read.
        package var leftOut = 0
    }

    /// How much a worker has told up to its last entry that was read.
    private struct Told {
        var sent: Int
        var leftOut: Int
    }

    private let queue: JobQueue
    private let connection: RedisClient
    private var last: String?
    private var workers: [String: Told] = [:]
    private var openedAtMilliseconds: Int64?
    private var renewedAtMilliseconds: Int64 = 0

    /// For how long the feed is asked for at a time.
    package nonisolated static let askedFor = Duration.seconds(15)
    private static let renewEach = Duration.seconds(5)
    /// Entries of one look, each of up to 250 events.
    private static let entriesMax = 20

    /// - Parameter connection: one that nobody else uses, since a look blocks it.
    package init(queue: JobQueue, connection: RedisClient) {
        self.queue = queue
        self.connection = connection
    }

    /// Waits for events, `limit` at most; perhaps none came. The first call asks for the feed; later ones renew it in time,
    /// so call it again soon.
    package func next(within limit: Duration) async throws -> Piece {
        try await renew()
        guard let last else { return Piece() }
        let keys = JobFeed.keys(prefix: queue.configuration.prefix)
        let answer = try await connection.command(
            [
                "XREAD", "COUNT", RedisArgument(Self.entriesMax), "BLOCK", .integer(max(1, limit.milliseconds)),
                "STREAMS", .string(keys[0]), .string(last),
            ], keyAt: 6, replyTimeout: limit + connection.configuration.replyTimeout)
        var piece = Piece()
        for entry in answer[0]?[1]?.array ?? [] {
            guard let id = entry[0]?.string, let fields = entry[1]?.array else { continue }
            self.last = id
            take(fields, into: &piece)
        }
        return piece
    }

    private func take(_ fields: [RedisValue], into piece: inout Piece) {
        var worker = ""
        var sent = 0
        var leftOut = 0
        var events: [JobEvent] = []
        for index in stride(from: 0, to: fields.count - 1, by: 2) {
            let value = fields[index + 1]
            switch fields[index].string {
            case "worker": worker = value.string ?? ""
            case "sent": sent = Int(value.integer ?? 0)
            case "left_out": leftOut = Int(value.integer ?? 0)
            case "event": if let bytes = value.bytes, let event = JobEvent(bytes) { events.append(event) }
            default: break
            }
        }
        // Of a worker that told others before, nothing is known of the time before this tail.
        let before = workers[worker] ?? Told(sent: sent, leftOut: sent == 0 ? 0 : leftOut)
        // Less than before is a worker that began anew under the same name.
        piece.leftOut += max(0, sent - before.sent) + max(0, leftOut - before.leftOut)
        workers[worker] = Told(sent: sent + events.count, leftOut: leftOut)
        piece.events += events.map { Event(event: $0, worker: worker) }
    }

    // MARK: Asking

    private func renew() async throws {
        let now = Loop.monotonicMilliseconds
        guard last == nil || now - renewedAtMilliseconds >= Self.renewEach.milliseconds else { return }
        let answer = try await queue.context.run(
            QueueScript.feedOpen, keys: JobFeed.keys(prefix: queue.configuration.prefix),
            [.integer(Self.askedFor.milliseconds)])
        guard let end = answer.string else { throw QueueError.unexpected(QueueScript.feedOpen) }
        if last == nil { last = end }
        renewedAtMilliseconds = now
        let openedAt = openedAtMilliseconds ?? now
        openedAtMilliseconds = openedAt
        await callWaitingWorkers(blockedFor: (now - openedAt) / 1000)
    }

    /// Calls workers out of their wait for work, when they began it before the feed was asked for: they look then.
    ///
    /// Those that work look by themselves. Where Redis refuses it, idle workers learn of the feed with their first jobs.
    private func callWaitingWorkers(blockedFor seconds: Int64) async {
        do throws(RedisError) {
            for list in try await queue.connection.commandToAll(["CLIENT", "LIST", "TYPE", "normal"]) {
                for line in (list.string ?? "").split(separator: "\n")
                where line.contains(" cmd=blpop") && line.contains(":wake-") {
                    let fields = line.split(separator: " ")
                    func number(_ name: String) -> Int64? {
                        fields.first { $0.hasPrefix(name) }.flatMap { Int64($0.dropFirst(name.count)) }
                    }
                    guard let id = number("id="), let idle = number("idle="), idle >= seconds else { continue }
                    // Another node of a Cluster may know the number too: whoever waits there only waits anew.
                    _ = try await queue.connection.commandToAll(["CLIENT", "UNBLOCK", .integer(id), "TIMEOUT"])
                }
            }
        } catch {
            queue.context.log.debug("waiting workers could not be called", ["error": .error(error)])
        }
    }
}

extension JobQueue {
    /// Tells who tails of a job that no worker ended.
    func tell(_ outcome: JobEvent.Outcome, _ id: String, _ queue: QueueName, shard: Int) async {
        await context.feed.tellOnce(
            JobEvent(at: Loop.wallClock, outcome: outcome, queue: queue, shard: shard, id: id))
    }
}
