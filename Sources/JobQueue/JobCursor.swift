import Core

/// Where a scan of jobs goes on: `queue/shard/place/mark/second mark`, as people can read and pass it.
package struct JobCursor: Hashable, Sendable, CustomStringConvertible {
    package let queue: QueueName
    package let shard: Int
    package let place: JobPlace
    /// As `operations/scan.lua` names them; empty at the beginning of the place.
    let marks: [String]

    init(queue: QueueName, shard: Int, place: JobPlace, marks: [String] = ["", ""]) {
        self.queue = queue
        self.shard = shard
        self.place = place
        self.marks = marks
    }

    /// After a dead letter that stays where it is.
    init(after job: StoredJob) {
        self.init(
            queue: job.queue, shard: job.shard, place: .dead, marks: ["\(job.diedAt?.rawValue ?? 0)", job.id])
    }

    /// Reads a ``description``; `nil` for any other text.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 5, let queue = QueueName(rawValue: parts[0]), let shard = Int(parts[1]), shard >= 0,
            let place = JobPlace(rawValue: parts[2])
        else { return nil }
        guard let second = Self.member(parts[4]), parts[3].utf8.count <= 20,
            parts[3].utf8.allSatisfy({ (48...57).contains($0) }),
            second.utf8.count <= QueueLimits.idBytesMax + 1, parts[3].isEmpty ? second.isEmpty : true
        else { return nil }
        self.init(queue: queue, shard: shard, place: place, marks: [parts[3], second])
    }

    /// No letter of it means anything to a shell.
    package var description: String {
        "\(queue.rawValue)/\(shard)/\(place.rawValue)/\(marks[0])/\(Self.text(ofMember: marks[1]))"
    }

    /// What stands before an id in the schedule (`library/places.lua`), each of which means something to a shell; `~0` and so
    /// on stand for them.
    private static let prefixes = ["!", "\"", "#", "$"]

    private static func text(ofMember member: String) -> String {
        for (index, prefix) in prefixes.enumerated() where member.hasPrefix(prefix) {
            return "~\(index)" + member.dropFirst()
        }
        return member
    }

    private static func member(_ text: String) -> String? {
        guard text.hasPrefix("~") else { return text }
        guard let index = text.dropFirst().first.flatMap({ Int(String($0)) }), prefixes.indices.contains(index) else {
            return nil
        }
        return prefixes[index] + text.dropFirst(2)
    }
}
