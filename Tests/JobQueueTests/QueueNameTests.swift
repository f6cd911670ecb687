import JobQueue
import Testing

struct QueueNameTests {
    /// Redis keys carry these words: renaming a case must not rename a queue.
    @Test func rawValuesAreFixed() {
        #expect(
            QueueName.allCases.map(\.rawValue) == [
                "clicks", "conversions", "commissions", "webhooks", "notifications", "batches",
            ])
    }

    @Test func onlyQueuesFedFromOutsideRememberCompletedJobs() {
        #expect(QueueName.allCases.filter(\.remembersCompletedJobs) == [.clicks, .conversions])
    }
}
