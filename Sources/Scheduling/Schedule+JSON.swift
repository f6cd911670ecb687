import Core
import ScheduleFiles

extension Schedule {
    /// A schedule's file cannot be used; the description says everything that is wrong with it.
    package struct Invalid: Error, Hashable, CustomStringConvertible {
        package let problems: [String]

        package var description: String { problems.joined(separator: "; ") }
    }

    private static let members = ["name", "cron", "timeZone", "batch", "gap", "overlap", "missed"]

    /// The schedules of this binary: the files of `schedules/`, in the order of their names.
    package static func embedded() throws -> [Schedule] {
        try (0..<schedule_file_count()).map { index in
            try Schedule(json: Array(String(cString: schedule_file_at(index)).utf8))
        }
    }

    /// Reads `{"name", "cron", "timeZone", "batch", "gap": "next|skip", "overlap": "first|both", "missed": "skip|once|all"}`;
    /// the last three may be absent and are `next`, `first` and `once` then.
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
        let batch = reader.name("batch")
        var cron: CronExpression?
        if let text = reader.string("cron") {
            do { cron = try CronExpression(text) } catch { reader.problems.append("cron: \(error.description)") }
        }
        let zoneName = reader.string("timeZone")
        var zone: TimeZoneRules?
        if let zoneName {
            do { zone = try zones(zoneName) } catch { reader.problems.append("timeZone: \(error.description)") }
        }
        let gap = reader.choice("gap", default: Gap.next)
        let overlap = reader.choice("overlap", default: Overlap.first)
        let missed = reader.choice("missed", default: Missed.once)
        guard reader.problems.isEmpty, let name, let batch, let cron, let zoneName, let zone else {
            throw Invalid(problems: reader.problems)
        }
        self.init(
            name: name, cron: cron, zoneName: zoneName, zone: zone, batch: batch, gap: gap, overlap: overlap,
            missed: missed)
    }
}

/// Reads members and gathers what is wrong with them.
private struct ScheduleReader {
    let object: JSONObject
    var problems: [String] = []

    init(_ bytes: [UInt8]) throws(Schedule.Invalid) {
        let json: JSON
        do throws(JSONError) { json = try JSON.parse(bytes) } catch {
            throw Schedule.Invalid(problems: [error.description])
        }
        guard let object = json.object else { throw Schedule.Invalid(problems: ["an object is needed"]) }
        self.object = object
    }

    mutating func refuse(membersBeside known: [String]) {
        problems += object.keys.filter { !known.contains($0) }.map { "\($0): not known" }
    }

    mutating func string(_ key: String) -> String? {
        if let text = object[key]?.string { return text }
        problems.append("\(key): a string is needed")
        return nil
    }

    /// 1 to 64 lower-case letters, digits and hyphens: it stands in keys, labels and commands.
    mutating func name(_ key: String) -> String? {
        guard let text = string(key) else { return nil }
        let isName = text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
        if isName, (1...64).contains(text.utf8.count) { return text }
        problems.append("\(key): 1 to 64 of a-z, 0-9 and - are needed")
        return nil
    }

    mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ key: String, default fallback: Choice
    ) -> Choice {
        guard let value = object[key] else { return fallback }
        if let choice = value.string.flatMap(Choice.init(rawValue:)) { return choice }
        problems.append("\(key): one of \(Choice.allCases.map(\.rawValue).joined(separator: ", ")) is needed")
        return fallback
    }
}
