import EventLoop
import TestSupport

@testable import JobQueue

/// Leads the walk to what chance alone brings about too seldom, as long as it has not been seen.
extension ModelWalk {
    mutating func steer() async throws -> String? {
        let missing = missing
        if missing.contains(.batchSucceededAfterRedrive) { return try await goForSuccessAfterRedrive() }
        if missing.contains(.batchSucceeded), let command = try await goForSuccess() { return command }
        if missing.contains(.batchFailed) { return try await goForFailure() }
        return nil
    }

    private mutating func goForSuccess() async throws -> String? {
        let batches = model.batches.filter {
            !$0.value.cannotSucceed && !$0.value.isTold && $0.value.dead.isEmpty && !$0.value.out.isEmpty
        }
        guard let name = batches.keys.min() else { return nil }
        return try await end(name)
    }

    private mutating func goForFailure() async throws -> String? {
        guard let name = model.batches.filter(\.value.cannotSucceed).keys.min() else { return nil }
        return try await end(name)
    }

    /// Has all jobs of a batch succeed that can.
    private mutating func end(_ name: String) async throws -> String? {
        guard let batch = model.batches[name] else { return nil }
        if !batch.isSealed { return try await seal(name) }
        if let id = batch.dead.min() { return try await redrive(id) }
        return try await finish(batch.out, with: .complete)
    }

    /// A job of a batch dies, the batch ends all the same, the job is redriven and succeeds.
    private mutating func goForSuccessAfterRedrive() async throws -> String? {
        let hopeful = model.batches.filter { !$0.value.cannotSucceed }.sorted { $0.key < $1.key }
        if let (name, _) = hopeful.first(where: \.value.isTold) { return try await end(name) }
        if let (name, batch) = hopeful.first(where: { !$0.value.dead.isEmpty }) {
            return try await batch.isSealed ? finish(batch.out, with: .complete) : seal(name)
        }
        if let (_, batch) = hopeful.first(where: { !$0.value.out.isEmpty }) {
            return try await finish(batch.out, with: .bury)
        }
        return nil
    }

    /// Ends jobs that are under a lease; leads to one where none is.
    private mutating func finish(_ ids: Set<String>, with verdict: QueueModel.Verdict) async throws -> String? {
        for lease in known where model.leases[lease.fence]?.token == lease.token {
            let mine = model.leases[lease.fence]?.ids.filter(ids.contains) ?? []
            if !mine.isEmpty { return try await settle(lease, mine.map { ($0, verdict) }) }
        }
        if model.isPaused { return try await pause() }
        return chance(70) ? try await lease() : try await tick()
    }
}
