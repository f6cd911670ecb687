import Core
import EventLoop
import Postgres

/// Gathers attempts' results: those that end while a transaction is under way go together into the next one.
@Loop
final class AttemptResults {
    private typealias Waiting = (record: AttemptRecord, caller: CheckedContinuation<Bool, any Error>)

    private let book: WebhookBook
    private let deaths: DeliveryDeaths
    private var waiting: [Waiting] = []
    private var isWriting = false

    /// Rows of one transaction.
    private static let batchMax = 500
    /// A result that cannot be stored means that the request is sent again, so a store that is away is waited for.
    private static let patience = Duration.seconds(10)
    private static let pauses: ClosedRange<Duration> = .milliseconds(100)...(.seconds(2))

    init(_ book: WebhookBook, _ deaths: DeliveryDeaths) {
        self.book = book
        self.deaths = deaths
    }

    /// Returns when the result is stored: whether the delivery took it.
    func record(_ record: AttemptRecord) async throws -> Bool {
        try await withCheckedThrowingContinuation { caller in
            waiting.append((record, caller))
            guard !isWriting else { return }
            isWriting = true
            Loop.atTurnEnd { Task { @Loop [self] in await write() } }
        }
    }

    private func write() async {
        while !waiting.isEmpty {
            let batch = Array(waiting.prefix(Self.batchMax))
            waiting.removeFirst(batch.count)
            await write(batch)
        }
        isWriting = false
    }

    private func write(_ batch: [Waiting]) async {
        do {
            let taken = try await store(batch.map(\.record))
            await deaths.tell(batch.map(\.record).filter { taken.contains($0.delivery.deliveryID) })
            for (record, caller) in batch { caller.resume(returning: taken.contains(record.delivery.deliveryID)) }
        } catch {
            let isStore = (error as? PostgresError)?.isTransient ?? false
            if batch.count == 1 || isStore {
                for (_, caller) in batch { caller.resume(throwing: error) }
            } else {
                // One of them is at fault; the others shall not suffer.
                for one in batch { await write([one]) }
            }
        }
    }

    private func store(_ records: [AttemptRecord]) async throws -> Set<UUID> {
        let deadline = Loop.monotonicMilliseconds + Self.patience.milliseconds
        var pause = Self.pauses.lowerBound
        while true {
            do {
                return try await book.record(records)
            } catch let error as PostgresError
                where error.isTransient && Loop.monotonicMilliseconds < deadline
            {
                try await Loop.sleep(for: pause)  // the backoff of a store that does not answer
                pause = min(pause * 2, Self.pauses.upperBound)
            }
        }
    }
}
