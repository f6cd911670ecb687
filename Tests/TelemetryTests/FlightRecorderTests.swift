import EventLoop
import Glibc
import TestSupport
import Testing

@testable import Telemetry

@Suite struct FlightRecorderTests {
    init() { Loop.startThread() }

    private let path = "/tmp/\(uniqueName("recorder"))"

    private func words() throws -> [Int64] {
        let bytes = try #require(readFile(path))
        return bytes.withUnsafeBytes { Array($0.bindMemory(to: Int64.self)) }
    }

    @Loop @Test func theFileSaysWhatIsUnderWay() throws {
        defer { unlink(path) }
        let recorder = try FlightRecorder(path: path)
        recorder.set(.leased, 20)
        recorder.add(2, to: .inTransaction)
        recorder.add(-1, to: .inTransaction)
        recorder.add(7, to: .unacknowledged)
        recorder.add(3, to: .sending)
        let words = try words()
        #expect(words.count == FlightRecorder.wordCount)
        #expect(Array(words[0..<6]) == [FlightRecorder.magic, Int64(getpid()), 20, 1, 7, 3])
    }

    @Loop @Test func aNewProcessBeginsAtNoStageAndGoesOnCountingBatches() throws {
        defer { unlink(path) }
        for _ in 0..<2 {
            let recorder = try FlightRecorder(path: path)
            recorder.set(.leased, 20)
            for jobs in [0, 20, 20, 500, 501] { recorder.countBatch(jobs: jobs) }
        }
        withExtendedLifetime(try FlightRecorder(path: path)) {}
        let words = try words()
        #expect(Array(words[2..<6]) == [0, 0, 0, 0])
        #expect(words[16] == 2 && words[16 + 20] == 4 && words[16 + 500] == 4)
        #expect(words[16...].reduce(0, +) == 10)
    }

    @Loop @Test func aFileThatCannotBeMadeIsNamed() {
        #expect(throws: FlightRecorder.Failure.self) { try FlightRecorder(path: "/nowhere/at/all") }
    }
}
