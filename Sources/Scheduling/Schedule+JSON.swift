import Bookkeeping
import Core
import JobQueue

extension Schedule {
    /// A schedule's file cannot be used; the description says everything that is wrong with it.
    package struct Invalid: Error, Hashable, CustomStringConvertible {
        package let problems: [String]

        package var description: String { problems.joined(separator: "; ") }
    }

    private static let members = [
        "name", "cron", "every", "anchor", "timeZone", "batch", "job", "gap", "overlap", "missed", "missedMax",
    ]
    private static let jobMembers = ["queue", "kind", "payload", "shardKey", "orderKey", "priority", "maxAttempts"]

    /// Reads a schedule; the members stand in `docs/schedules.md`.
    ///
    /// - Parameter zones: finds a zone by its name in the IANA database.
    package init(
        json bytes: [UInt8],
        zones: (String) throws(TimeZoneRules.Invalid) -> TimeZoneRules = { name throws(TimeZoneRules.Invalid) in
            try TimeZoneRules.system(name)
        }
    ) throws(Invalid) {
        var reader = try ScheduleReader(bytes)
        reader.refuse(membersBeside: Self.members)
        let name = reader.name("name")
        let recurrence = reader.recurrence()
        // What a cron expression means depends on it; instants at even distances only belong to its days.
        let zoneName = reader.has("every") ? reader.optionalString("timeZone") ?? "UTC" : reader.string("timeZone")
        var zone: TimeZoneRules?
        if let zoneName {
            do { zone = try zones(zoneName) } catch { reader.add("timeZone: \(error.description)") }
        }
        let work = reader.work(of: name ?? "unnamed")
        if reader.has("every") {
            reader.refuse(["gap", "overlap"], "is for cron only: no clock on a wall moves an interval")
        }
        let gap = reader.choice("gap", default: Gap.next)
        let overlap = reader.choice("overlap", default: Overlap.first)
        let missed = reader.choice("missed", default: Missed.once)
        let missedMax = reader.integer("missedMax", in: Self.missedMaxRange) ?? Self.missedMaxDefault
        guard reader.problems.isEmpty, let name, let recurrence, let zoneName, let zone, let work else {
            throw Invalid(problems: reader.problems)
        }
        self.init(
            name: name, recurrence, zoneName: zoneName, zone: zone, work: work, gap: gap, overlap: overlap,
            missed: missed, missedMax: missedMax)
    }

    /// What is asked of the members of `job`.
    fileprivate static func template(_ reader: inout ScheduleReader, of name: String) -> JobTemplate? {
        reader.refuse(membersBeside: jobMembers)
        let queueName = reader.string("queue")
        let queue = queueName.flatMap(QueueName.init(rawValue:))
        if queueName != nil, queue == nil {
            reader.add("queue: one of \(QueueName.allCases.map(\.rawValue).joined(separator: ", ")) is needed")
        }
        let kind = reader.string("kind")
        let payload = reader.object("payload") ?? JSONObject()
        for key in JobTemplate.added where payload[key] != nil {
            reader.add("payload: \(key) is what each slot's job adds; name it otherwise")
        }
        let priority = reader.choice("priority", default: Priority.normal)
        let template = JobTemplate(
            queue: queue ?? .batches, kind: kind ?? "unknown", payload: payload,
            shardKey: reader.optionalString("shardKey") ?? name, orderKey: reader.optionalString("orderKey"),
            priority: priority.band, maxAttempts: reader.integer("maxAttempts", in: 1...QueueLimits.attemptsMax) ?? 10)
        let sample = Slot(instant: EpochMilliseconds(rawValue: 0), date: CivilDate(daysSinceEpoch: 0))
        // The queue's own words for what it would refuse.
        if let problem = template.job(for: sample, of: name).problem(payloadBytesMax: ScheduleFolder.fileBytesMax) {
            reader.addOfWhole(problem)
        }
        return template
    }

    private enum Priority: String, CaseIterable {
        case urgent, high, normal, low

        var band: PriorityBand {
            switch self {
            case .urgent: .urgent
            case .high: .high
            case .normal: .normal
            case .low: .low
            }
        }
    }
}

/// Reads members and gathers what is wrong with them, each with the member's name.
private struct ScheduleReader {
    /// So that a slot's job has room for its instant in its id.
    private static let nameBytesMax = 40

    private let object: JSONObject
    /// The member that holds the object; `nil` for the file itself.
    private let parent: String?
    private(set) var problems: [String] = []

    init(_ bytes: [UInt8]) throws(Schedule.Invalid) {
        let json: JSON
        do throws(JSONError) { json = try JSON.parse(bytes) } catch {
            throw Schedule.Invalid(problems: [error.description])
        }
        guard let object = json.object else { throw Schedule.Invalid(problems: ["an object is needed"]) }
        self.init(object, in: nil)
    }

    private init(_ object: JSONObject, in parent: String?) {
        self.object = object
        self.parent = parent
    }

    func has(_ key: String) -> Bool { object[key] != nil }

    /// - Parameter problem: begins with the member's name.
    mutating func add(_ problem: String) { problems.append((parent.map { $0 + "." } ?? "") + problem) }

    mutating func addOfWhole(_ problem: String) { problems.append((parent.map { $0 + ": " } ?? "") + problem) }

    mutating func refuse(membersBeside known: [String]) {
        for key in object.keys where !known.contains(key) { add("\(key): not known") }
    }

    mutating func refuse(_ keys: [String], _ reason: String) {
        for key in keys where has(key) { add("\(key): \(reason)") }
    }

    mutating func string(_ key: String) -> String? {
        if let text = object[key]?.string { return text }
        add("\(key): a string is needed")
        return nil
    }

    mutating func optionalString(_ key: String) -> String? { has(key) ? string(key) : nil }

    mutating func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let value = object[key] else { return nil }
        if let number = value.integer.flatMap({ Int(exactly: $0) }), range.contains(number) { return number }
        add("\(key): a whole number from \(range.lowerBound) to \(range.upperBound) is needed")
        return nil
    }

    mutating func object(_ key: String) -> JSONObject? {
        guard let value = object[key] else { return nil }
        if let object = value.object { return object }
        add("\(key): an object is needed")
        return nil
    }

    /// Lower-case letters, digits and hyphens: it stands in keys, labels, commands and ids.
    mutating func name(_ key: String) -> String? {
        guard let text = string(key) else { return nil }
        let isName = text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
        if isName, (1...Self.nameBytesMax).contains(text.utf8.count) { return text }
        add("\(key): 1 to \(Self.nameBytesMax) of a-z, 0-9 and - are needed")
        return nil
    }

    mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ key: String, default fallback: Choice
    ) -> Choice {
        guard let value = object[key] else { return fallback }
        if let choice = value.string.flatMap(Choice.init(rawValue:)) { return choice }
        add("\(key): one of \(Choice.allCases.map(\.rawValue).joined(separator: ", ")) is needed")
        return fallback
    }

    mutating func recurrence() -> Recurrence? {
        guard has("cron") != has("every") else {
            add("cron: either cron or every is needed")
            return nil
        }
        if has("cron") {
            refuse(["anchor"], "is for every only")
            guard let text = string("cron") else { return nil }
            do { return .cron(try CronExpression(text)) } catch {
                add("cron: \(error.description)")
                return nil
            }
        }
        var anchor = EpochMilliseconds(rawValue: 0)
        if let text = optionalString("anchor") {
            if let instant = EpochMilliseconds(rfc3339: text), instant.rawValue % 1000 == 0 {
                anchor = instant
            } else {
                add("anchor: an instant of whole seconds is needed, such as 2026-01-01T00:00:00Z")
            }
        }
        guard let text = string("every") else { return nil }
        do { return .every(try SlotInterval(text, anchor: anchor)) } catch {
            add("every: \(error.description)")
            return nil
        }
    }

    mutating func work(of name: String) -> ScheduledWork? {
        guard has("batch") != has("job") else {
            add("batch: either batch or job is needed")
            return nil
        }
        if has("batch") {
            guard let batch = string("batch") else { return nil }
            if batch == ConfirmationRun.batch { return .batch(batch) }
            add("batch: there is no batch '\(batch)'; \(ConfirmationRun.batch) is the one there is")
            return nil
        }
        guard let object = object("job") else { return nil }
        var reader = ScheduleReader(object, in: "job")
        let template = Schedule.template(&reader, of: name)
        problems += reader.problems
        return template.map { .job($0) }
    }
}
