import EventLoop
import Redis
import TestSupport

@testable import JobQueue

/// A clock that stands still between steps: the scripts read it instead of Redis' own.
enum SteppedClock {
    private static let reading = "call('TIME')"
    private static let calculation = "tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)"

    /// Beside the queue's keys, for each queue its own.
    @Loop static func key(_ fixture: QueueFixture, _ queue: QueueName) -> RedisArgument {
        fixture.key("jobs:clock", queue)
    }

    private static let scripts: [RedisScript] = [
        QueueScript.enqueue, QueueScript.lease, QueueScript.settle, QueueScript.extend, QueueScript.tick,
        QueueScript.cancel,
        QueueScript.redrive, QueueScript.discard, QueueScript.note, QueueScript.batchOpen, QueueScript.batchSeal,
    ].map { script in
        RedisScript(
            name: script.name,
            source: script.source.replacing(reading, with: "call('GET', KEYS[1] .. ':clock')")
                .replacing(calculation, with: "tonumber(time)"))
    }

    /// From now on the process behind this context runs its scripts by the clock.
    @Loop static func take(_ context: QueueContext) throws {
        for script in scripts {
            guard script.source.contains("':clock'"), !script.source.contains(reading) else {
                throw TestSupportError("\(script.name) does not read the clock as it is known to")
            }
            context.replacements[script.name] = script
        }
    }
}
