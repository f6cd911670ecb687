import EventLoop

/// Tells one recorder after the other; when one throws, the next ones hear nothing, and the jobs come again.
@Loop
final class DeadLetterChain: DeadLetterRecorder {
    private let recorders: [any DeadLetterRecorder]

    /// `nil` when there is nobody to tell.
    init?(_ recorders: (any DeadLetterRecorder)?...) {
        self.recorders = recorders.compactMap(\.self)
        if self.recorders.isEmpty { return nil }
    }

    func record(_ ends: [JobEnd]) async throws {
        for recorder in recorders { try await recorder.record(ends) }
    }
}
