import Glibc

/// What `/proc` tells about other processes.
enum ProcessTable {
    /// Whether the process exists and is no zombie: a dead child of nobody may stay a zombie for ever in a container.
    static func isAlive(_ process: pid_t) -> Bool {
        guard let stat = stat(of: process) else { return false }
        return stat.state != "Z" && stat.state != "X"
    }

    static func children(of parent: pid_t) -> [pid_t] {
        directoryEntries("/proc").compactMap { pid_t($0) }.filter { stat(of: $0)?.parent == parent }
    }

    private static func stat(of process: pid_t) -> (state: Character, parent: pid_t)? {
        guard let bytes = readFile("/proc/\(process)/stat") else { return nil }
        // "42 (name, maybe with spaces) S 1 ...": the last parenthesis ends the name.
        let fields = String(decoding: bytes, as: UTF8.self).split(separator: ")").last?.split(separator: " ")
        guard let fields, fields.count >= 2, let state = fields[0].first, let parent = pid_t(fields[1]) else {
            return nil
        }
        return (state, parent)
    }
}

/// The whole of a file; `nil` when it cannot be opened or read.
package func readFile(_ path: String) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return readAll(descriptor)
}

func readAll(_ descriptor: Int32) -> [UInt8]? {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
        let count = read(descriptor, &chunk, chunk.count)
        if count < 0 {
            if errno == EINTR { continue }
            return nil
        }
        if count == 0 { return bytes }
        bytes.append(contentsOf: chunk[..<count])
    }
}
