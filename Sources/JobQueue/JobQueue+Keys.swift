import Redis

extension JobQueue {
    /// Whether a ready job waits for another one of its order key: it is in no list, and none of the key's places is its own.
    ///
    /// O(places)
    package func isHeldBack(_ job: StoredJob) async throws(QueueError) -> Bool {
        guard job.state == .ready, let key = job.orderKey else { return false }
        let heads = context.keys.heads(job.queue, shard: job.shard)
        // The names of places are made by `library/order.lua`.
        let places = (1...KeyLimit.placesMax).map { RedisArgument.string($0 == 1 ? key : "\(key) \($0)") }
        let holders: RedisValue
        do throws(RedisError) {
            holders = try await connection.command(["HMGET", .string(heads)] + places)
        } catch {
            throw QueueError(error)
        }
        return holders.array?.contains { $0.string == job.id } != true
    }
}
