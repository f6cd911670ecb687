import Redis

extension JobQueue {
    /// Checks the invariants of a queue while it is at work: each job in exactly one place, leases and expiries together,
    /// unique keys of live jobs only, a head for each order key, no entry without a job.
    ///
    /// It goes through everything in slices, each a script of well below 5 ms, and asks for a proof in one script before it
    /// calls a job lost or doubled: the places of jobs move meanwhile. O(n log n) in all.
    /// - Parameters:
    ///   - shards: of these only, so that a caller can say how far it is; of all by default.
    ///   - repair: mends what it finds (``CheckReport/Kind`` says how).
    package func check(
        _ queue: QueueName, shards: Range<Int>? = nil, repair: Bool = false
    ) async throws(QueueError) -> CheckReport {
        var report = CheckReport()
        for shard in (shards ?? 0..<configuration.shardCount).clamped(to: 0..<configuration.shardCount) {
            var held: [String] = []
            for structure in ["scheduled", "dead", "kept", "members", "expiries", "leases", "unique", "heads"] {
                _ = try await walk(structure, queue, shard, repair, &held, &report)
            }
            // Those of which only a list or a lease can know: candidates until a script proves it.
            let elsewhere = try await walk("jobs", queue, shard, repair, &held, &report)
            // After the jobs, of which one may have been made the head that a line was without.
            _ = try await walk("ordered", queue, shard, repair, &held, &report)
            let standing = try await standing(queue, shard)
            var doubtful = elsewhere.filter { standing[$0] != 1 }
            var lines: Set<String> = []
            if !held.isEmpty { lines = try await linedUp(queue, shard) }
            doubtful += held.filter { standing[$0] != nil || !lines.contains($0) }
            let known = Set(elsewhere + held)
            doubtful += standing.filter { $0.value > 1 && !known.contains($0.key) }.keys
            try await prove(doubtful, queue, shard, repair, &report)
        }
        return report
    }

    private func walk(
        _ structure: String, _ queue: QueueName, _ shard: Int, _ repair: Bool,
        _ held: inout [String], _ report: inout CheckReport
    ) async throws(QueueError) -> [String] {
        var elsewhere: [String] = []
        var cursor = "0"
        repeat {
            let answer = try await context.run(
                QueueScript.check, queue, shard: shard,
                [.string(structure), .string(cursor), structure == "jobs" ? 20 : 100, repair ? "1" : "0"])
            guard let next = answer[0]?.string, let seen = answer[1]?.integer, let findings = answer[2]?.array,
                let ids = answer[3]?.array, let unsure = answer[4]?.array
            else { throw .unexpected(QueueScript.check) }
            report.seen += Int(seen)
            for index in stride(from: 0, to: findings.count - 1, by: 2) {
                guard let kind = findings[index].string.flatMap(CheckReport.Kind.init),
                    let subject = findings[index + 1].string
                else { throw .unexpected(QueueScript.check) }
                report.add(kind, shard, subject, isRepaired: repair && kind != .jobInTwoPlaces)
            }
            elsewhere += ids.compactMap(\.string)
            held += unsure.compactMap(\.string)
            cursor = next
        } while cursor != "0"
        return elsewhere
    }

    /// How often each id stands in the lists and leases of a shard, as far as slices can tell.
    private func standing(_ queue: QueueName, _ shard: Int) async throws(QueueError) -> [String: Int] {
        var counts: [String: Int] = [:]
        let keys = context.keys.of(queue, shard: shard)
        do throws(RedisError) {
            var cursor = "0"
            repeat {
                let answer = try await connection.command(["HSCAN", .string(keys[4]), .string(cursor), "COUNT", 10])
                cursor = answer[0]?.string ?? "0"
                let fields = answer[1]?.array ?? []
                for index in stride(from: 1, to: fields.count, by: 2) {
                    let lines = (fields[index].string ?? "").split(separator: "\n", maxSplits: 2)
                    guard lines.count > 1 else { continue }
                    for id in lines[1].split(separator: " ") { counts[String(id), default: 0] += 1 }
                }
            } while cursor != "0"
            for key in [keys[1], keys[2]] + keys[11...13] {
                var first = 0
                var slice = 0
                repeat {
                    let answer = try await connection.command(
                        ["LRANGE", .string(key), RedisArgument(first), RedisArgument(first + 999)])
                    let ids = answer.array ?? []
                    for id in ids { if let id = id.string { counts[id, default: 0] += 1 } }
                    slice = ids.count
                    first += slice
                } while slice == 1000
            }
        } catch {
            throw QueueError(error)
        }
        return counts
    }

    /// The ids that wait for another one of their order key, as far as slices can tell.
    private func linedUp(_ queue: QueueName, _ shard: Int) async throws(QueueError) -> Set<String> {
        var ids: Set<String> = []
        let key = context.keys.of(queue, shard: shard)[16]
        do throws(RedisError) {
            var first = 0
            var slice = 0
            repeat {
                let answer = try await connection.command(
                    ["ZRANGE", .string(key), RedisArgument(first), RedisArgument(first + 499)])
                let members = answer.array ?? []
                for member in members {
                    if let id = member.string?.split(separator: " ").last { ids.insert(String(id)) }
                }
                slice = members.count
                first += slice
            } while slice == 500
        } catch {
            throw QueueError(error)
        }
        return ids
    }

    private func prove(
        _ ids: [String], _ queue: QueueName, _ shard: Int, _ repair: Bool, _ report: inout CheckReport
    ) async throws(QueueError) {
        for start in stride(from: 0, to: ids.count, by: 20) {
            let slice = ids[start..<min(start + 20, ids.count)]
            let answer = try await context.run(
                QueueScript.checkPlaces, queue, shard: shard, [repair ? "1" : "0"] + slice.map { .string($0) })
            guard let letters = answer.bytes, letters.count == slice.count else {
                throw .unexpected(QueueScript.checkPlaces)
            }
            for (id, letter) in zip(slice, letters) {
                switch letter {
                case UInt8(ascii: "0"): report.add(.jobInNoPlace, shard, id, isRepaired: repair)
                case UInt8(ascii: "2"): report.add(.jobInTwoPlaces, shard, id, isRepaired: repair)
                case UInt8(ascii: "3"): report.add(.jobNotInLine, shard, id, isRepaired: repair)
                case UInt8(ascii: "?"): report.unproven += 1
                default: break
                }
            }
        }
    }
}

extension CheckReport {
    fileprivate mutating func add(_ kind: Kind, _ shard: Int, _ subject: String, isRepaired: Bool) {
        guard findings.count < Self.findingsMax else { return }
        findings.append(Finding(kind: kind, shard: shard, subject: subject, isRepaired: isRepaired))
    }
}
