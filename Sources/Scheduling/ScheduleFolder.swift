import Core
import Glibc
import ScheduleFiles

/// The schedules of this program and those of a folder that an operator named. Reads files, which blocks: for starts.
package enum ScheduleFolder {
    /// Bytes of a schedule's file.
    static let fileBytesMax = 64 << 10
    /// Files of a folder.
    package static let filesMax = 200

    /// The schedules of this program, in the order of their files' names.
    package static func embedded() throws(Schedule.Invalid) -> [Schedule] {
        var schedules: [Schedule] = []
        for index in 0..<schedule_file_count() {
            schedules.append(try Schedule(json: Array(String(cString: schedule_file_at(index)).utf8)))
        }
        return schedules
    }

    /// Those of this program, then those of the folder in the order of their files' names. A file whose schedule has the name of
    /// one of this program's takes its place.
    ///
    /// - Parameter folder: `nil` for none. Its files whose names end with `.json` and do not begin with a dot are read; at most
    ///   ``filesMax``.
    /// - Throws: everything that is wrong, each with its file and member.
    package static func schedules(in folder: String?) throws(Schedule.Invalid) -> [Schedule] {
        let own = try embedded()
        guard let folder else { return own }
        var added: [Schedule] = []
        var problems: [String] = []
        for name in try fileNames(folder) {
            do throws(Schedule.Invalid) {
                let schedule = try Schedule(json: try content("\(folder)/\(name)"))
                if added.contains(where: { $0.name == schedule.name }) {
                    throw Schedule.Invalid(problems: ["name: another file has a schedule \(schedule.name) too"])
                }
                added.append(schedule)
            } catch {
                problems += error.problems.map { "\(name): \($0)" }
            }
        }
        if !problems.isEmpty { throw Schedule.Invalid(problems: problems) }
        return own.filter { schedule in !added.contains { $0.name == schedule.name } } + added
    }

    private static func fileNames(_ folder: String) throws(Schedule.Invalid) -> [String] {
        guard let directory = opendir(folder) else {
            throw Schedule.Invalid(problems: ["\(folder): \(String(cString: strerror(errno))); name a readable folder"])
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".json"), !name.hasPrefix(".") { names.append(name) }
        }
        guard names.count <= filesMax else {
            throw Schedule.Invalid(problems: ["\(folder): has \(names.count) files; \(filesMax) are allowed"])
        }
        return names.sorted()
    }

    private static func content(_ path: String) throws(Schedule.Invalid) -> [UInt8] {
        guard let file = fopen(path, "re") else {
            throw Schedule.Invalid(problems: ["cannot be read: \(String(cString: strerror(errno)))"])
        }
        defer { fclose(file) }
        let bytes = [UInt8](unsafeUninitializedCapacity: fileBytesMax + 1) { buffer, count in
            count = fread(buffer.baseAddress, 1, buffer.count, file)
        }
        guard ferror(file) == 0 else { throw Schedule.Invalid(problems: ["cannot be read"]) }
        guard bytes.count <= fileBytesMax else {
            throw Schedule.Invalid(problems: ["is larger than \(fileBytesMax) bytes"])
        }
        return bytes
    }
}
