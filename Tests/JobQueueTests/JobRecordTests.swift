import Core
import Testing

@testable import JobQueue

struct JobRecordTests {
    @Test func aNewJobsRecordReadsBackAsItWasWritten() throws {
        let job = NewJob(
            id: "id", queue: .clicks, kind: "click.v1", payload: Array(0...255), shardKey: "k", maxAttempts: 7,
            traceContext: "00-trace")
        let record = try #require(JobRecord([0, 0, 1, 0, 0, 0, 0, 1] + JobRecord.body(of: job)))
        #expect(record.enqueuedAt.rawValue == 1 << 40 | 1)
        #expect(record.kind == "click.v1")
        #expect(record.traceContext == "00-trace")
        #expect(record.payload == Array(0...255))
        #expect(record.maxAttempts == 7)
        #expect(record.attempt == 0 && record.crashes == 0 && !record.isQuarantined)
        #expect(record.digest == JobDigest.of(kind: "click.v1", payload: job.payload))
        #expect(record.failures.isEmpty)
    }

    @Test func truncatedOrForeignRecordsAreRefusedAtEveryLength() {
        let failure: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 1, 0, 2, 104, 105]
        let bytes = [0, 0, 0, 0, 0, 0, 0, 1] + JobRecord.body(of: .test("id")) + failure
        #expect(JobRecord(bytes)?.failures.first?.message == "hi")
        for length in 0..<bytes.count where length != bytes.count - failure.count {
            #expect(JobRecord(Array(bytes[..<length])) == nil, "\(length) bytes")
        }
        var newer = bytes
        newer[8] = 3
        #expect(JobRecord(newer) == nil)
    }

    @Test func aRecordWithAnExtensionReadsBackAndIsRefusedAtEveryLength() throws {
        let job = NewJob.test(
            "id", priority: .low, lifetime: .seconds(90), unique: UniqueKey("a-key", .debounce), orderKey: "an-order")
        let bytes = [0, 0, 0, 0, 0, 0, 0, 1] + JobRecord.body(of: job)
        let record = try #require(JobRecord(bytes))
        #expect(record.priority == .low && record.deadline?.rawValue == 90_001)
        #expect(record.kind == "test.v1" && record.payload == job.payload)
        #expect(record.extent.orderKey == "an-order")
        #expect(record.extent.unique == UniqueKey("a-key", .debounce))
        for length in 0..<bytes.count { #expect(JobRecord(Array(bytes[..<length])) == nil, "\(length) bytes") }
        // A field of a later release: passed over.
        var later = bytes
        later[31] += 3
        later.insert(contentsOf: [99, 1, 7], at: 32)
        #expect(JobRecord(later)?.deadline == record.deadline)
        // And a release of before leaves it alone by its version.
        #expect(bytes[8] == 2)
    }

    @Test func aPriorityCostsNoByte() {
        for priority in PriorityBand.allCases {
            let bytes = [0, 0, 0, 0, 0, 0, 0, 1] + JobRecord.body(of: .test("id", priority: priority))
            #expect(bytes.count == 8 + JobRecord.body(of: .test("id")).count && bytes[8] == 1)
            #expect(JobRecord(bytes)?.priority == priority)
        }
    }

    @Test func anErrorIsCutBetweenLetters() {
        #expect("héllo".utf8Prefix(2) == Array("h".utf8))
        #expect("héllo".utf8Prefix(3) == Array("hé".utf8))
        #expect("hi".utf8Prefix(300) == Array("hi".utf8))
    }

    /// The digest stands in Redis and decides shards: another release must compute the same.
    @Test func digestsAndShardsAreFixedForEver() {
        let configuration = JobQueueConfiguration()
        #expect(JobDigest.hash("") == 1_333_821_562_820_001_167)
        #expect(JobDigest.of(kind: "click.v1", payload: Array("payload".utf8)) == 2_726_810_478_521_621_681)
        #expect(["order-1", "order-2", "order-3", "a", ""].map(configuration.shard) == [0, 14, 11, 3, 15])
    }

    @Test func kindAndPayloadBothCountInADigest() {
        let digests = [
            JobDigest.of(kind: "a", payload: [1]), JobDigest.of(kind: "b", payload: [1]),
            JobDigest.of(kind: "a", payload: [1, 0]), JobDigest.of(kind: "a", payload: [0, 1]),
            JobDigest.of(kind: "a", payload: [UInt8](repeating: 0, count: 8)),
            JobDigest.of(kind: "a", payload: [UInt8](repeating: 0, count: 16)),
        ]
        #expect(Set(digests).count == digests.count)
    }

    @Test func shardsAreUsedEvenly() {
        let configuration = JobQueueConfiguration()
        var counts = Array(repeating: 0, count: 16)
        for number in 0..<16_000 { counts[configuration.shard(of: "order-\(number)")] += 1 }
        #expect(counts.allSatisfy { (850...1150).contains($0) }, "\(counts)")
    }
}
