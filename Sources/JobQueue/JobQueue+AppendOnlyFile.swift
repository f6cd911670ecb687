import EventLoop
import Redis

extension JobQueue {
    /// Has Redis write its append-only file anew, once in each of its runs, whoever asks; to be called now and then.
    ///
    /// When power fails within the changes of a script, Redis 7.0 cuts its file behind the last whole command of them instead
    /// of before the first. That run is right; but the next start executes their beginning together with whatever was
    /// written behind it, and a script is half done: a job in no list, a lease without an expiry. A file that is made of what
    /// was loaded has no such end.
    ///
    /// - Returns: whether this call began it; false where it was done in this run, where Redis keeps no such file, and on a
    ///   Redis Cluster, whose nodes are left to their operators.
    package func renewAppendOnlyFile() async throws(QueueError) -> Bool {
        guard !connection.isCluster, let runID = connection.serverRunID else { return false }
        do throws(RedisError) {
            let persistence = try await connection.command(["INFO", "persistence"]).string ?? ""
            guard persistence.contains("aof_enabled:1") else { return false }
            let key = RedisArgument.string("\(configuration.prefix):{0}:renewed")
            guard try await connection.command(["SET", key, .string(runID), "GET"]).string != runID else {
                return false
            }
            do throws(RedisError) {
                _ = try await connection.command(["BGREWRITEAOF"])
            } catch {
                // Whoever asks next tries again.
                _ = try await connection.command(["DEL", key])
                throw error
            }
            return true
        } catch {
            throw QueueError(error)
        }
    }
}
