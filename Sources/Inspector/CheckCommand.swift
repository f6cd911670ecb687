import Core
import EventLoop
import JobQueue

/// `fsck`: the invariants of the queues, checked and mended while they are at work.
enum CheckCommand {
    static let command = Command(
        "fsck", .queues, "Checks that every job is in one place and every entry has its job; mends on request.",
        options: [
            QueueCommands.queueOption,
            .flag("repair", "mend what is found: a lost job runs alone, a doubled one keeps one place"),
        ],
        examples: ["fsck", "fsck --queue webhooks --repair"],
        details: """
            The queues go on working. It looks in slices, each a script of a few milliseconds, and calls a job lost only when \
            one script has proven it. Exit code 1 when something is off that was not mended.
            """
    ) { session, arguments in
        let queue = try await session.queue()
        let queues = arguments.queue.map { [$0] } ?? QueueName.allCases
        let repairs = arguments.has("repair")
        var reports: [(queue: QueueName, report: CheckReport)] = []
        for (index, name) in queues.enumerated() {
            var findings: [CheckReport.Finding] = []
            var (seen, unproven) = (0, 0)
            for shard in 0..<queue.configuration.shardCount {
                let done = (index * queue.configuration.shardCount + shard) * 100
                let percent = done / (queues.count * queue.configuration.shardCount)
                try await session.console.progress("checking \(name.rawValue), shard \(shard)  \(percent) %")
                let report = try await queue.check(name, shards: shard..<shard + 1, repair: repairs)
                findings += report.findings
                seen += report.seen
                unproven += report.unproven
            }
            reports.append((name, CheckReport(findings: findings, seen: seen, unproven: unproven)))
        }
        try await session.console.progress("")
        return answer(reports, repairs: repairs)
    }

    /// Findings that a person is shown; `--json` has all.
    private static let shownMax = 50

    private static func answer(_ reports: [(queue: QueueName, report: CheckReport)], repairs: Bool) -> Answer {
        let findings = reports.flatMap { entry in entry.report.findings.map { (entry.queue, $0) } }
        let mended = findings.count { $0.1.isRepaired }
        let seen = reports.reduce(0) { $0 + $1.report.seen }
        let unproven = reports.reduce(0) { $0 + $1.report.unproven }
        var page = Page()
        if !findings.isEmpty {
            var table = Table(columns: [
                .init(heading: "queue"), .init(heading: "shard", isRight: true), .init(heading: "what is off"),
                .init(heading: "of", isElastic: true), .init(heading: ""),
            ])
            table.rows = findings.prefix(shownMax).map { queue, finding in
                [
                    "\(queue.rawValue)", "\(finding.shard)", "\(finding.kind.words, .bad)", "\(finding.subject)",
                    finding.isRepaired ? "\("mended", .good)" : "",
                ]
            }
            page.add(table)
            if findings.count > shownMax { page.add("… \((findings.count - shownMax).grouped) more; --json has all") }
            page.add("")
        }
        let looked = "\(seen.counted("entry", "entries")) of \(reports.count.counted("queue")) looked at"
        if findings.isEmpty {
            page.add("\(looked): everything is in its place.")
        } else if mended == findings.count {
            page.add("\(looked): \(findings.count.counted("thing")) off, all mended.")
        } else {
            let hint = repairs ? "" : "; `tributary fsck --repair` mends"
            page.add("\(looked): \(findings.count.counted("thing")) off, \(mended.grouped) mended\(hint).")
        }
        if unproven > 0 {
            page.add(
                "\(unproven.counted("job")) could not be proven to be in one place, since the lists are long: look again when they are shorter."
            )
        }
        return Answer(
            [
                "queues": .array(
                    reports.map {
                        [
                            "queue": .string($0.queue.rawValue), "seen": JSON(integer: $0.report.seen),
                            "unproven": JSON(integer: $0.report.unproven),
                            "findings": .array($0.report.findings.map(json)),
                        ]
                    }), "found": JSON(integer: findings.count), "mended": JSON(integer: mended),
            ], page, isGood: mended == findings.count)
    }

    private static func json(_ finding: CheckReport.Finding) -> JSON {
        [
            "what": .string(finding.kind.rawValue), "shard": JSON(integer: finding.shard),
            "subject": .string(finding.subject), "mended": .bool(finding.isRepaired),
        ]
    }
}

extension CheckReport.Kind {
    /// For people: `job in no place`.
    fileprivate var words: String { rawValue.replacing("_", with: " ") }
}
