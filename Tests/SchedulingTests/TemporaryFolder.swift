import Glibc
import TestSupport

/// A folder with files, gone with its last holder.
final class TemporaryFolder {
    let path: String
    private var files: [String] = []

    init() throws {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        path = "\(base)/\(uniqueName("schedules"))"
        guard mkdir(path, 0o700) == 0 else { throw TestSupportError("no folder \(path)") }
    }

    func write(_ name: String, _ text: String) throws {
        files.append("\(path)/\(name)")
        guard let file = fopen("\(path)/\(name)", "we") else { throw TestSupportError("no file \(name) in \(path)") }
        defer { fclose(file) }
        guard fputs(text, file) >= 0 else { throw TestSupportError("cannot write \(name)") }
    }

    deinit {
        for file in files { unlink(file) }
        rmdir(path)
    }
}
