import Glibc
import Synchronization

/// What must not outlive the test process: child processes and private directories.
///
/// A clean exit removes both (`atexit`). After a kill -9 the children die by `PR_SET_PDEATHSIG`, and the directories,
/// which carry their owner's process id in their name, are removed by the next test process.
enum Leftovers {
    private struct Things {
        var processes: Set<pid_t> = []
        var directories: Set<String> = []
        var isRegistered = false
    }

    private static let things = Mutex(Things())
    private static let directoryPrefix = "tributary-test-"

    static func add(process: pid_t) {
        registerOnce()
        things.withLock { _ = $0.processes.insert(process) }
    }

    static func remove(process: pid_t) { things.withLock { _ = $0.processes.remove(process) } }

    /// A new directory that only this user (or `owner`) can enter.
    static func makeDirectory(_ name: String, owner: uid_t? = nil) throws -> String {
        registerOnce()
        let base = temporaryFolder
        var template = Array("\(base)/\(directoryPrefix)\(getpid())-\(name)-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw TestSupportError("no private directory in \(base): \(String(cString: strerror(errno)))")
        }
        let path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        if let owner, chown(path, owner, gid_t.max) != 0 {
            throw TestSupportError("chown of \(path) failed: \(String(cString: strerror(errno)))")
        }
        things.withLock { _ = $0.directories.insert(path) }
        return path
    }

    static func remove(directory: String) {
        removeTree(directory)
        things.withLock { _ = $0.directories.remove(directory) }
    }

    private static func registerOnce() {
        let isFirst = things.withLock { things in
            defer { things.isRegistered = true }
            return !things.isRegistered
        }
        guard isFirst else { return }
        removeThoseOfDeadProcesses()
        atexit { Leftovers.removeAll() }
    }

    private static func removeAll() {
        let (processes, directories) = things.withLock { ($0.processes, $0.directories) }
        // Each child leads a process group of its own.
        for process in processes { Glibc.kill(-process, SIGKILL) }
        for process in processes { waitpid(process, nil, 0) }
        for directory in directories { removeTree(directory) }
    }

    private static func removeThoseOfDeadProcesses() {
        let base = temporaryFolder
        for name in directoryEntries(base) where name.hasPrefix(directoryPrefix) {
            let rest = name.dropFirst(directoryPrefix.count)
            guard let owner = pid_t(rest.prefix { $0 != "-" }), !ProcessTable.isAlive(owner) else { continue }
            removeTree("\(base)/\(name)")
        }
    }

    /// Removes a directory and all in it. What has gone in the meantime, or never was, is fine: the goal is reached.
    private static func removeTree(_ path: String) {
        // unlink never follows a symbolic link and refuses a directory.
        if unlink(path) == 0 { return }
        for name in directoryEntries(path) { removeTree("\(path)/\(name)") }
        rmdir(path)
    }
}

/// The names in a directory, without `.` and `..`; empty when it cannot be read.
func directoryEntries(_ path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
        }
        if name != "." && name != ".." { names.append(name) }
    }
    return names
}

/// `TMPDIR`, or /tmp.
var temporaryFolder: String { getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp" }
