import Glibc

/// A file of `NAME=value` lines: blank lines and lines that begin with `#` say nothing; spaces around name and value do
/// not count; double quotes around a whole value are taken off.
struct ConfigurationFile {
    /// Bytes of a file; it holds a few dozen lines.
    static let bytesMax = 64 * 1024

    private(set) var values: [String: String] = [:]
    private(set) var problems: [ConfigurationProblem] = []

    /// - Parameter path: said in problems.
    init(text: String, path: String) {
        for (index, line) in text.split(
            omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r\n" }
        ).enumerated() {
            let line = Self.trimmed(line)
            if line.isEmpty || line.hasPrefix("#") { continue }
            let place = "\(path), line \(index + 1)"
            guard let equals = line.firstIndex(of: "=") else {
                // The line itself is not shown: it may be a secret in the wrong place.
                problems.append(
                    ConfigurationProblem(name: place, reason: "must be NAME=value; write one or remove the line"))
                continue
            }
            let name = String(Self.trimmed(line[..<equals]))
            var value = Self.trimmed(line[line.index(after: equals)...])
            if value.count >= 2, value.hasPrefix("\""), value.hasSuffix("\"") { value = value.dropFirst().dropLast() }
            if name == Setting.configFile.name {
                problems.append(
                    ConfigurationProblem(name: place, reason: "\(name) cannot name another file; remove the line"))
            } else if values.updateValue(String(value), forKey: name) != nil {
                problems.append(
                    ConfigurationProblem(name: place, reason: "\(name) stands here a second time; remove one of them"))
            }
        }
    }

    /// Reads the file; blocks, which only a start may.
    static func read(path: String) throws(ConfigurationProblem) -> ConfigurationFile {
        let name = Setting.configFile.name
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(errno))
            throw ConfigurationProblem(
                name: name, reason: "cannot read \(path): \(reason); name a readable file or unset it")
        }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: bytesMax + 1)
        var count = 0
        while count < bytes.count {
            let result = bytes.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress! + count, $0.count - count)
            }
            if result < 0, errno == EINTR { continue }
            guard result >= 0 else {
                let reason = String(cString: strerror(errno))
                throw ConfigurationProblem(
                    name: name, reason: "cannot read \(path): \(reason); name a readable file or unset it")
            }
            if result == 0 { break }
            count += result
        }
        guard count <= bytesMax, let text = String(validating: bytes.prefix(count), as: UTF8.self) else {
            throw ConfigurationProblem(name: name, reason: "\(path) must be UTF-8 text of at most \(bytesMax) bytes")
        }
        return ConfigurationFile(text: text, path: path)
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" || $0 == "\r\n" }
        guard let first = text.firstIndex(where: { !isSpace($0) }), let last = text.lastIndex(where: { !isSpace($0) })
        else { return "" }
        return text[first...last]
    }
}
