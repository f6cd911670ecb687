import Core
import JobQueue

/// The job of a slot that fired, as its row keeps it until it is enqueued: everything that the job is made of, so that an owed one
/// is enqueued as it was promised, whatever became of the schedule's file.
struct OwedJob {
    /// The row is damaged, or of a release that knows more.
    struct Unreadable: Error, CustomStringConvertible {
        let description: String
    }

    let job: NewJob

    init(_ job: NewJob) { self.job = job }

    /// The text of a row, byte for byte what ``text`` was: a database must not change numbers or the order of members.
    init(text: String) throws {
        let json = try JSON.parse(Array(text.utf8))
        guard let id = json["id"]?.string, let queueName = json["queue"]?.string, let kind = json["kind"]?.string,
            let payload = json["payload"]?.string, let shardKey = json["shardKey"]?.string,
            let attempts = json["maxAttempts"]?.integer, let priority = json["priority"]?.integer
        else { throw Unreadable(description: "the row's job lacks a member") }
        guard let queue = QueueName(rawValue: queueName),
            let band = UInt8(exactly: priority).flatMap(PriorityBand.init(rawValue:))
        else { throw Unreadable(description: "the row's job is for a queue or of a priority that is not known here") }
        job = NewJob(
            id: id, queue: queue, kind: kind, payload: Array(payload.utf8), shardKey: shardKey,
            maxAttempts: Int(attempts), priority: band, orderKey: json["orderKey"]?.string)
    }

    var text: String {
        var object = JSONObject([
            ("id", .string(job.id)), ("queue", .string(job.queue.rawValue)), ("kind", .string(job.kind)),
            ("payload", .string(String(decoding: job.payload, as: UTF8.self))), ("shardKey", .string(job.shardKey)),
            ("maxAttempts", JSON(integer: job.maxAttempts)), ("priority", JSON(integer: job.priority.rawValue)),
        ])
        if let key = job.orderKey { object["orderKey"] = .string(key) }
        return JSON.object(object).text
    }
}
