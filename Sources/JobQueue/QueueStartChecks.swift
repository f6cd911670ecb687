package import EventLoop
package import Redis

/// What must be true of Redis before a process works with it.
@Loop
package enum QueueStartChecks {
    /// How durable an acknowledged write has to be.
    package enum Durability: Hashable, Sendable {
        /// As Redis is set: for development and measurements.
        case any
        /// At most about one second of writes may be lost with the machine.
        case everySecond
        /// Fsynced before it is acknowledged.
        case always
    }

    /// The number of this release's key layout, stored beside the keys.
    nonisolated package static let layout = 2

    /// Checks the settings of Redis, and writes the key layout and the number of shards where they are not yet.
    ///
    /// - Parameters:
    ///   - durability: what a process that acknowledges to others needs; `always` for the ingest.
    ///   - replicas: those that its enqueues wait for.
    /// - Returns: what was found, refusals first; empty when all is well.
    package static func run(
        connection: RedisClient, configuration: JobQueueConfiguration, durability: Durability,
        replicas: ReplicaDemand? = nil
    ) async throws(QueueError) -> [StartFinding] {
        do throws(RedisError) {
            var findings = try await checkLayout(connection, configuration)
            let settings = try await settings(connection)
            if let settings {
                // Masters of a Cluster are mostly set alike: what is true of several is said once.
                for found in settings.map({ check($0, durability: durability) }).joined()
                where !findings.contains(found) { findings.append(found) }
            } else {
                findings.append(
                    StartFinding(
                        .warning,
                        "CONFIG is not allowed on this Redis: see to maxmemory-policy noeviction and to its durability")
                )
            }
            if let replicas {
                let found = try await checkReplicas(connection, replicas, durability: durability, settings: settings)
                for finding in found where !findings.contains(finding) { findings.append(finding) }
            }
            return StartFinding.Severity.allCases.flatMap { severity in findings.filter { $0.severity == severity } }
        } catch {
            throw QueueError(error)
        }
    }

    /// Judges the settings that ``run(connection:configuration:durability:)`` reads. Pure.
    nonisolated package static func check(
        _ settings: [String: String], durability: Durability
    ) -> [StartFinding] {
        var findings: [StartFinding] = []
        let policy = settings["maxmemory-policy"] ?? "noeviction"
        if policy != "noeviction" {
            // Without a limit nothing is evicted yet, but one command away it is.
            let isLimited = settings["maxmemory"] != "0"
            findings.append(
                StartFinding(
                    isLimited ? .refusal : .warning,
                    "Redis may evict jobs: set maxmemory-policy to noeviction (it is \(policy))"))
        }
        let isWeak: StartFinding.Severity = durability == .any ? .warning : .refusal
        guard settings["appendonly"] == "yes" else {
            findings.append(StartFinding(isWeak, "Redis keeps no append-only file: set appendonly to yes"))
            return findings
        }
        let fsync = settings["appendfsync"] ?? "everysec"
        if fsync == "no" || (durability == .always && fsync != "always") {
            findings.append(
                StartFinding(
                    isWeak,
                    "Redis' appendfsync is \(fsync), and \(durability == .always ? "always" : "everysec") is needed"))
        }
        if settings["no-appendfsync-on-rewrite"] == "yes" {
            findings.append(
                StartFinding(
                    durability == .always ? .refusal : .warning,
                    "Redis does not fsync while it rewrites its file: set no-appendfsync-on-rewrite to no"))
        }
        return findings
    }

    /// The layout number and the number of shards, written by the first process and compared by every later one. They
    /// stand in one string, so that no reader can see a half.
    private static func checkLayout(
        _ connection: RedisClient, _ configuration: JobQueueConfiguration
    ) async throws(RedisError) -> [StartFinding] {
        let key = "\(configuration.prefix):layout"
        let ours = "\(layout) \(configuration.shardCount)"
        _ = try await connection.command(["SETNX", .string(key), .string(ours)])
        // A layout of before is this one without what came since: it is raised, unless somebody has done so meanwhile.
        _ = try await connection.command([
            "EVAL", .string(raise), 1, .string(key), .string("\(layout - 1) \(configuration.shardCount)"),
            .string(ours),
        ])
        let stored = try await connection.command(["GET", .string(key)]).string ?? ""
        if stored == ours { return [] }
        let parts = stored.split(separator: " ")
        if parts.count == 2, parts[0] == "\(layout)" {
            return [
                StartFinding(
                    .refusal,
                    "this queue has \(parts[1]) shards, not \(configuration.shardCount): the number is fixed when it is made"
                )
            ]
        }
        return [
            StartFinding(
                .refusal, "the key layout in Redis is \(parts.first ?? "unreadable"), and this release knows \(layout)")
        ]
    }

    private static let raise =
        "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('SET', KEYS[1], ARGV[2]) end return 0"

    /// Those of each master; `nil` where a managed Redis forbids to ask.
    private static func settings(_ connection: RedisClient) async throws(RedisError) -> [[String: String]]? {
        var settings: [[String: String]] = []
        for name in [
            "maxmemory", "maxmemory-policy", "appendonly", "appendfsync", "no-appendfsync-on-rewrite",
            "min-replicas-to-write",
        ] {
            do throws(RedisError) {
                let answers = try await connection.commandToAll(["CONFIG", "GET", .string(name)])
                if settings.isEmpty { settings = answers.map { _ in [:] } }
                guard answers.count == settings.count else {
                    throw RedisError(.clusterDown, "the masters of the Cluster are changing")
                }
                for (number, answer) in answers.enumerated() { settings[number][name] = answer[1]?.string }
            } catch {
                if error.isUnreachableStore { throw error }
                return nil
            }
        }
        return settings
    }
}
