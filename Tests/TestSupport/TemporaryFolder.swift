import Glibc

/// A folder with files, gone with its last holder or with the process.
package final class TemporaryFolder: Sendable {
    package let path: String

    package init() throws { path = try Leftovers.makeDirectory("folder") }

    package func write(_ name: String, _ text: String) throws {
        guard let file = fopen("\(path)/\(name)", "we") else { throw TestSupportError("no file \(name) in \(path)") }
        defer { fclose(file) }
        guard fputs(text, file) >= 0 else { throw TestSupportError("cannot write \(name)") }
    }

    deinit { Leftovers.remove(directory: path) }
}
