package import JobQueue

/// How much a worker does at once.
package struct WorkerOptions: Sendable {
    /// Batches in flight in a ``Worker``, jobs in flight in a ``StreamingWorker``: at least 1.
    package var concurrency: Int
    /// Jobs leased at once: 1 to 500.
    package var batch: Int
    /// The wait before a failed job runs again, where its handler says none.
    package var retryPolicy = RetryPolicy()
    /// How long a job of an unknown kind is parked.
    package var parking = Duration.seconds(60)
    /// How long a stop waits for cancelled handlers before it gives their jobs back without them.
    package var stopGrace = Duration.seconds(1)

    package init(concurrency: Int = 2, batch: Int = 100) {
        precondition(concurrency >= 1 && (1...500).contains(batch), "not a worker's options")
        self.concurrency = concurrency
        self.batch = batch
    }
}
