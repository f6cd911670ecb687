import JobQueue
import Postgres
import Redis

/// The settings whose values take more than a line to read.
extension SettingReader {
    mutating func redis(_ resolve: (String) -> String?) -> RedisConfiguration? {
        let setting = Setting.redisURL
        guard let text = text(setting) ?? setting.defaultText, let url = StoreURL(text) else {
            refuse(setting)
            return nil
        }
        if url.scheme.hasPrefix("redis+") { return redisOfSeveral(url, resolve) }
        guard url.hosts.count == 1, let database = Self.database(url),
            url.user == nil || url.user == "default"
        else {
            refuse(setting)
            return nil
        }
        do throws(RedisError) {
            var configuration: RedisConfiguration
            if url.scheme == "unix", url.host.isEmpty, url.port == nil {
                configuration = try RedisConfiguration(socketPath: url.path)
            } else if url.scheme == "redis", !url.host.isEmpty {
                guard let address = resolve(url.host) else {
                    refuseHost(setting, url.host)
                    return nil
                }
                configuration = try RedisConfiguration(host: address, port: url.port ?? 6379)
            } else {
                refuse(setting)
                return nil
            }
            configuration.password = url.password?.reveal()
            configuration.database = database
            return configuration
        } catch {
            refuse(setting, "\(error.message); it must be \(setting.shape)")
            return nil
        }
    }

    /// `redis+sentinel://host:26379,host:26379/master[/database]` or `redis+cluster://host:7000,host:7000`.
    private mutating func redisOfSeveral(_ url: StoreURL, _ resolve: (String) -> String?) -> RedisConfiguration? {
        let setting = Setting.redisURL
        let path = url.path.split(separator: "/", omittingEmptySubsequences: false)
        let database = path.count > 1 ? Int(path[1]) : 0
        let isSentinel = url.scheme == "redis+sentinel"
        let hasForm =
            isSentinel
            ? (1...2).contains(path.count) && database.map((0...65_535).contains) == true
            : url.scheme == "redis+cluster" && url.path.isEmpty
        guard hasForm, url.user == nil || url.user == "default", url.hosts.allSatisfy({ !$0.host.isEmpty }) else {
            refuse(setting)
            return nil
        }
        var addresses: [(host: String, port: Int)] = []
        for (host, port) in url.hosts {
            guard let address = resolve(host) else {
                refuseHost(setting, host)
                return nil
            }
            addresses.append((address, port ?? (isSentinel ? 26_379 : 6379)))
        }
        do throws(RedisError) {
            var configuration =
                isSentinel
                ? try RedisConfiguration(sentinels: addresses, master: String(path[0]))
                : try RedisConfiguration(clusterSeeds: addresses)
            configuration.password = url.password?.reveal()
            configuration.sentinelPassword = url.parameter("sentinel_password")
            configuration.database = database ?? 0
            return configuration
        } catch {
            refuse(setting, "\(error.message); it must be \(setting.shape)")
            return nil
        }
    }

    /// How many replicas an enqueue waits for, and how long; nil for none.
    mutating func replicaDemand() -> ReplicaDemand? {
        let replicas = integer(.waitReplicas, in: 0...100)
        let within = milliseconds(.waitLimit, in: 1...60_000)
        return replicas == 0 ? nil : ReplicaDemand(replicas: replicas, within: within)
    }

    /// The database's number: the path of `redis://`, the parameter `db` of `unix://`; nil for what is no number.
    private static func database(_ url: StoreURL) -> Int? {
        let text = url.scheme == "unix" ? url.parameter("db") ?? "" : url.path
        if text.isEmpty { return 0 }
        guard let number = Int(text), (0...65_535).contains(number) else { return nil }
        return number
    }

    mutating func postgres(schema: String, _ resolve: (String) -> String?) -> PostgresConfiguration? {
        let setting = Setting.postgresURL
        let poolSize = integer(.postgresPool, in: 1...64)
        guard var text = text(setting) else { return nil }
        guard let url = StoreURL(text) else {
            refuse(setting)
            return nil
        }
        // libpq would try them in turn; here all but one would be passed over without a word.
        guard url.hosts.count == 1 else {
            refuse(setting, "names several hosts; it must be \(setting.shape), with one host")
            return nil
        }
        let host = url.parameter("host") ?? url.host
        if url.parameter("hostaddr") == nil, !host.isEmpty, !host.hasPrefix("/") {
            guard let address = resolve(host) else {
                refuseHost(setting, host)
                return nil
            }
            // The name stays beside the address: it is what the server's certificate is checked for.
            text += (text.contains("?") ? "&" : "?") + "hostaddr=" + address
        }
        do {
            var configuration = try PostgresConfiguration(url: text)
            configuration.schema = schema
            configuration.poolSize = poolSize
            return configuration
        } catch {
            refuse(setting, "\(error); it must be \(setting.shape)")
            return nil
        }
    }

    mutating func schema() -> String {
        value(.schema, or: "tributary") { text in
            let isName = text.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 95 }
            guard isName, text.utf8.count <= 63, let first = text.utf8.first, !(48...57).contains(first) else {
                return nil
            }
            return text
        }
    }

    mutating func queue(faults: Set<String>, settleDelay: ClosedRange<Duration>?) -> JobQueueConfiguration {
        var queue = JobQueueConfiguration()
        queue.prefix = word(.prefix, bytesMax: 40, alsoAllowed: "_.-")
        queue.shardCount = integer(.shards, in: 1...256)
        queue.lease = milliseconds(.lease, in: 100...600_000)
        queue.lengthMax = queueLengths()
        queue.keptCompleted = keptCompleted()
        queue.weight = integer(.weight, in: 1...QueueLimits.weightMax)
        queue.cancelGrace = milliseconds(.cancelGrace, in: 0...3_600_000)
        queue.settleDelay = settleDelay
        queue.faults = faults.reduce(into: []) { if let fault = QueueFaults(named: $1) { $0.insert(fault) } }
        return queue
    }

    mutating func faults(isTest: Bool) -> Set<String> {
        let names = list(.faults) { $0.isEmpty ? nil : String($0) }
        if !names.isEmpty, !isTest {
            refuse(.faults, "breaks promises and is for tests only; unset it, or set \(Setting.test.name)=1 in a test")
        }
        return Set(names)
    }

    /// A setting that only a test may give.
    mutating func testOnly<Value>(_ setting: Setting, isTest: Bool, _ parse: (String) -> Value?) -> Value? {
        guard text(setting) == nil || isTest else {
            refuse(setting, "is for tests only; unset it, or set \(Setting.test.name)=1 in a test")
            return nil
        }
        return value(setting, parse)
    }

    /// Two whole numbers of milliseconds, such as `1-10`.
    mutating func testDelay(isTest: Bool) -> ClosedRange<Duration>? {
        testOnly(.testDelay, isTest: isTest) { text in
            let bounds = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard bounds.count == 2, let low = bounds[0], let high = bounds[1], 0 <= low, low <= high, high <= 1000
            else { return nil }
            return .milliseconds(low) ... .milliseconds(high)
        }
    }

    mutating func url(_ setting: Setting, schemes: [String]) -> Secret<String>? {
        value(setting) { text in
            guard let url = StoreURL(text), schemes.contains(url.scheme), url.hosts.count == 1, !url.host.isEmpty else {
                return nil
            }
            return Secret(text)
        }
    }

    static func numericAddress(_ text: String) -> String? { AddressRange.bytes(ofAddress: text) == nil ? nil : text }

    /// One `@` with something on both sides and no space: the mail server knows the rest.
    static func mailAddress(_ text: Substring) -> String? {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }),
            !text.contains(where: { $0.isWhitespace || $0 == "<" || $0 == ">" })
        else { return nil }
        return String(text)
    }

    private mutating func refuseHost(_ setting: Setting, _ host: String) {
        refuse(setting, "its host \(host) does not resolve; correct the name or give a numeric address")
    }
}
