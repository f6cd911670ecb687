/// How long the completed jobs of a queue stay with payload and history; without one they leave no trace.
package struct CompletedRetention: Hashable, Sendable {
    /// 1 s to a year.
    package var age: Duration
    /// How many of them at most, all shards together: 1 to 10,000,000. The oldest go first.
    package var count: Int

    package init(age: Duration, count: Int) {
        self.age = age
        self.count = count
    }

    var problem: String? {
        if age < .seconds(1) || age > QueueLimits.delayMax { return "completed jobs must be kept for 1 s to 366 days" }
        return (1...QueueLimits.keptMax).contains(count)
            ? nil : "1 to \(QueueLimits.keptMax) completed jobs may be kept"
    }
}
