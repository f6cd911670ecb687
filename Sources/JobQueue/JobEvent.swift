package import Core

/// Something that happened to a job, as a feed tells it to operators. A hint: nothing depends on it.
package struct JobEvent: Hashable, Sendable {
    package enum Outcome: String, CaseIterable, Sendable {
        case leased, completed, retried, dead, quarantined, cancelled, expired, snoozed
        case givenBack = "given-back"
    }

    /// Redis' time.
    package var at: EpochMilliseconds
    package var outcome: Outcome
    package var queue: QueueName
    package var shard: Int
    package var id: String
    /// Empty where whoever ended the job did not know it.
    package var kind = ""
    /// Which run it was, 1 for the first; 0 where that is not known.
    package var run = 0
    /// From the lease to the end of the run; with others of its batch before it in one worker.
    package var took: Duration?
    /// Until its next run, where a time is set for it.
    package var again: Duration?
    /// What went wrong; at most 300 bytes.
    package var message = ""
}

extension JobEvent {
    /// Between its fields; no id and no number holds it.
    private static let separator = UInt8(0x1F)
    private static let fieldCount = 10

    /// As it stands in the feed.
    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(96 + message.utf8.count)
        func add(_ text: some Sequence<UInt8>) {
            for byte in text { bytes.append(byte == Self.separator ? 0x20 : byte) }
            bytes.append(Self.separator)
        }
        add("\(at.rawValue)".utf8)
        add(outcome.rawValue.utf8)
        add(queue.rawValue.utf8)
        add("\(shard)".utf8)
        add(id.utf8)
        add(kind.utf8)
        add("\(run)".utf8)
        add((took.map { "\($0.milliseconds)" } ?? "").utf8)
        add((again.map { "\($0.milliseconds)" } ?? "").utf8)
        add(message.utf8Prefix(QueueLimits.failureBytesMax))
        bytes.removeLast()
        return bytes
    }

    /// `nil` for what another release wrote otherwise; fields behind those known here are passed over.
    init?(_ bytes: [UInt8]) {
        let fields = bytes.split(separator: Self.separator, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        guard fields.count >= Self.fieldCount, let at = Int64(fields[0]), let outcome = Outcome(rawValue: fields[1]),
            let queue = QueueName(rawValue: fields[2]), let shard = Int(fields[3]), let run = Int(fields[6])
        else { return nil }
        self.init(
            at: EpochMilliseconds(rawValue: at), outcome: outcome, queue: queue, shard: shard, id: fields[4],
            kind: fields[5], run: run, took: Int64(fields[7]).map { .milliseconds($0) },
            again: Int64(fields[8]).map { .milliseconds($0) }, message: fields[9])
    }
}
