import Glibc
import TestSupport

/// The append-only file of a Redis of the tests' own, to cut off what a loss of power would have taken.
struct AppendOnlyFile {
    private let path: String

    /// The incremental file: everything since the start, or since it was written anew.
    init(of redis: PrivateRedis) throws {
        let folder = "\(redis.dataDirectory)/appendonlydir"
        guard let directory = opendir(folder) else { throw TestSupportError("\(folder) cannot be read") }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(withUnsafePointer(to: &entry.pointee.d_name.0) { String(cString: $0) })
        }
        func number(_ name: String) -> Int { name.split(separator: ".").dropLast(2).last.flatMap { Int($0) } ?? 0 }
        guard let name = names.filter({ $0.hasSuffix(".incr.aof") }).max(by: { number($0) < number($1) }) else {
            throw TestSupportError("\(folder) has no incremental file")
        }
        path = "\(folder)/\(name)"
    }

    /// Redis has written everything it has answered, unless it is to fsync each second and is late.
    var byteCount: Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : -1
    }

    /// Redis must not be running.
    func cut(toBytes count: Int) throws {
        guard truncate(path, off_t(count)) == 0 else { throw TestSupportError("\(path) cannot be cut") }
    }

    func contents() throws -> [UInt8] {
        guard let file = fopen(path, "r") else { throw TestSupportError("\(path) cannot be read") }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: byteCount)
        guard fread(&bytes, 1, bytes.count, file) == bytes.count else { throw TestSupportError("\(path) is shorter") }
        return bytes
    }

    /// Redis must not be running.
    func replace(with bytes: ArraySlice<UInt8>) throws {
        guard let file = fopen(path, "w") else { throw TestSupportError("\(path) cannot be written") }
        defer { fclose(file) }
        let written = bytes.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
        guard written == bytes.count else { throw TestSupportError("\(path) cannot be written") }
    }
}
