import Core
import EventLoop
import Glibc
import TestSupport
import Testing

@testable import Telemetry

@Suite struct LogWriterTests {
    init() { Loop.startThread() }

    private func pipe() -> (reader: Int32, writer: Int32) {
        var ends: [Int32] = [0, 0]
        #expect(Glibc.pipe(&ends) == 0)
        return (ends[0], ends[1])
    }

    /// What is in the pipe now, without waiting.
    private func drain(_ descriptor: Int32) -> [UInt8] {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count <= 0 { return all }
            all += buffer.prefix(count)
        }
    }

    @Test func levelsBelowTheThresholdCostNothing() {
        let (reader, writer) = pipe()
        let log = Log(component: "test", writer: LogWriter(descriptor: writer))
        var made = 0
        func fields() -> KeyValuePairs<String, LogValue> {
            made += 1
            return [:]
        }
        // The threshold is the process's: info, as no test changes it.
        log.debug("hidden", fields())
        log.info("seen", fields())
        #expect(made == 1)
        let text = String(decoding: drain(reader), as: UTF8.self)
        #expect(text.contains("\"seen\"") && !text.contains("hidden"))
    }

    @Loop @Test func aStoppedReaderNeverStopsTheWriter() async throws {
        let (reader, descriptor) = pipe()
        let writer = LogWriter(descriptor: descriptor)
        let line = [UInt8](repeating: UInt8(ascii: "x"), count: 1023) + [0x0A]
        // A pipe takes 64 KiB, the backlog 256 KiB; beyond that it must drop, and never wait.
        let start = Loop.monotonicMilliseconds
        for _ in 0..<1000 { writer.write(line) }
        #expect(Loop.monotonicMilliseconds - start < 5000)
        #expect(writer.droppedLinesTotal > 0)
        let held = Held<[UInt8]>([])
        try await eventually {
            held.value += drain(reader)
            return String(decoding: held.value.suffix(400), as: UTF8.self).contains("log.lines_dropped")
        }
        // All that was not dropped has come, in whole lines, and then the report.
        let lines = held.value.split(separator: 0x0A)
        #expect(lines.dropLast().allSatisfy { $0.count == 1023 })
        #expect(Int64(lines.count - 1) + writer.droppedLinesTotal == 1000)
    }

    @Test func aReaderThatIsGoneIsNoError() {
        Loop.startThread()
        let (reader, descriptor) = pipe()
        close(reader)
        let writer = LogWriter(descriptor: descriptor)
        for _ in 0..<100 { writer.write([0x0A]) }
        #expect(writer.droppedLinesTotal == 0)
        writer.flush(within: .seconds(1))
    }

    @Test func theSharedDescriptorIsNotMadeNonBlocking() {
        let (_, descriptor) = pipe()
        _ = LogWriter(descriptor: descriptor)
        #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK == 0)
    }
}
