import Core
import EventLoop
import JobQueue
import Redis
import TestSupport
import Testing

@testable import Inspector

/// `tail`: what it shows of what workers tell.
struct TailCommandTests {
    init() { Loop.startThread() }

    /// Enqueues, leases and ends jobs once the tail asks for them: `good` are completed, `bad` are retried.
    @Loop private func work(_ tributary: InspectorFixture, good: Int, bad: Int) async throws {
        let prefix = tributary.queue.configuration.prefix
        try await eventually {
            try await tributary.connection.command(["EXISTS", .string("\(prefix):{0}:tail")]).integer == 1
        }
        // A worker learns of it when it begins.
        let wake = try await tributary.client(purpose: "wake-clicks")
        let source = LeaseSource(queue: tributary.queue, name: .clicks, wakeConnection: wake)
        source.start()
        try await Loop.sleep(for: .milliseconds(50))
        let jobs = (0..<good + bad).map { number in
            NewJob.test("job-\(number)", kind: number < good ? "good.v1" : "bad.v1")
        }
        _ = try await tributary.queue.enqueue(jobs)
        var left = jobs.count
        while left > 0, let batch = await source.next(max: 100) {
            left -= batch.jobs.count
            _ = try await tributary.queue.settle(
                batch.jobs.map { job in
                    (
                        job: job,
                        verdict: job.kind == "good.v1"
                            ? .complete() : .retry(after: .seconds(60), error: "no\u{1b}[2J answer")
                    )
                })
        }
        await source.stop()
        wake.close()
    }

    @Loop @Test func eventsAreShownAsTheyHappen() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            async let run = tributary("tail", "--limit", "8", "--for", "20s", changing: ["TRIBUTARY_POSTGRES_URL": nil])
            try await work(tributary, good: 2, bad: 2)
            let tail = try await run
            #expect(tail.status == .ok && tail.out.split(separator: "\n").count == 8, "\(tail.out)\(tail.errors)")
            let retried = try #require(tail.lines.first { $0.contains("retried") })
            // What comes from outside does nothing to the terminal.
            #expect(retried.hasSuffix("again in 1 min: no\\u{1b}[2J answer") && retried.contains("  bad.v1  run 1  "))
            #expect(tail.lines.filter { $0.contains("  clicks         completed    job-") }.count == 2)
            #expect(tail.lines.filter { $0.contains("  clicks         leased       job-") }.count == 4)
        }
    }

    @Loop @Test func filtersLetPassWhatIsAskedFor() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            async let retried = tributary("tail", "--outcome", "retried", "--limit", "3", "--for", "20s", "--json")
            async let kind = tributary("tail", "--kind", "good.v1", "--limit", "4", "--for", "20s", "--json")
            async let other = tributary("tail", "--queue", "webhooks", "--for", "1s", "--json")
            try await work(tributary, good: 2, bad: 3)
            let events = try await retried.out.split(separator: "\n").map { try JSON.parse(Array($0.utf8)) }
            #expect(events.count == 3 && events.allSatisfy { $0["outcome"] == "retried" && $0["kind"] == "bad.v1" })
            #expect(events.allSatisfy { $0["againInMs"] == 60_000 && $0["queue"] == "clicks" && $0["run"] == 1 })
            let good = try await kind.out.split(separator: "\n").map { try JSON.parse(Array($0.utf8)) }
            #expect(
                good.compactMap { $0["outcome"]?.string }.sorted() == ["completed", "completed", "leased", "leased"])
            let none = try await other
            #expect(none.status == .ok && none.out.isEmpty)
        }
    }

    @Loop @Test func whatWasLeftOutIsSaid() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            let prefix = tributary.queue.configuration.prefix
            async let text = tributary("tail", "--limit", "2", "--for", "20s")
            async let json = tributary("tail", "--limit", "2", "--for", "20s", "--json")
            try await eventually {
                try await tributary.connection.command(["EXISTS", .string("\(prefix):{0}:tail")]).integer == 1
            }
            // Both have asked for what comes by now, or will before the second entry.
            try await Loop.sleep(for: .milliseconds(300))
            // As a worker writes it (JobEvent.swift): the second entry begins 312 events after the end of the first.
            for sent in [0, 313] {
                let event = ["1700000000000", "dead", "clicks", "0", "job-\(sent)", "test.v1", "3", "", "", "gone"]
                    .joined(separator: "\u{1f}")
                _ = try await tributary.connection.command([
                    "XADD", .string("\(prefix):{0}:feed"), "*", "worker", "w", "sent", .integer(Int64(sent)),
                    "left_out", "0", "event", .string(event),
                ])
            }
            #expect(try await text.out.contains("… 312 events left out\n"))
            #expect(try await json.lines.contains(#"{"leftOut":312}"#))
        }
    }
}
