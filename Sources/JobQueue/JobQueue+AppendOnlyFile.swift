import EventLoop
import Redis

extension JobQueue {
    /// Has each master write its append-only file anew where that has not happened since it started; to be called now and then.
    ///
    /// When power fails within the changes of a script, Redis 7.0 cuts its file behind the last whole command of them instead
    /// of before the first. That run is right; but the next start executes their beginning together with whatever was
    /// written behind it, and a script is half done: a job in no list, a lease without an expiry. A file that is made of what
    /// was loaded has no such end.
    ///
    /// Redis counts itself how often it has done so since its start, so whoever asks late has nothing to do: another process
    /// was first, or it was a replica, which writes its file anew whenever it has taken all of its master's data.
    ///
    /// - Returns: how many this call has begun; none where Redis keeps no such file.
    package func renewAppendOnlyFiles() async throws(QueueError) -> Int {
        do throws(RedisError) {
            return try await connection.onEachMaster { master throws(RedisError) in
                let persistence = try await master.command(["INFO", "persistence"]).string ?? ""
                guard Self.needsRenewal(persistence) else { return 0 }
                do throws(RedisError) {
                    _ = try await master.command(["BGREWRITEAOF"])
                    return 1
                } catch {
                    // Somebody was faster.
                    if error.message.contains("already in progress") { return 0 }
                    throw error
                }
            }.reduce(0, +)
        } catch {
            throw QueueError(error)
        }
    }

    private static func needsRenewal(_ persistence: String) -> Bool {
        let lines = Set(persistence.split(whereSeparator: \.isNewline))
        return ["aof_enabled:1", "aof_rewrites:0", "aof_rewrite_in_progress:0", "aof_rewrite_scheduled:0"].allSatisfy {
            lines.contains($0)
        }
    }
}
