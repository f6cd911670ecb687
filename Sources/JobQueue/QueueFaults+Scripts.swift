import Redis

extension QueueFaults {
    /// The script as a process with these faults runs it.
    ///
    /// A line that ends with `--@unless skip-token` is left out under that fault, and what stands behind `--@when skip-token`
    /// at the beginning of a line is no comment then. Without these faults it is the script itself.
    func applied(to script: RedisScript) -> RedisScript {
        if isDisjoint(with: [.skipFence, .skipToken, .skipAllowOOM]) { return script }
        var lines = script.source.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        for (name, fault) in Self.named where contains(fault) {
            lines.removeAll { $0.hasSuffix("--@unless \(name)") }
            lines = lines.map { line in
                let text = line.drop { $0 == " " }
                let mark = "--@when \(name) "
                return text.hasPrefix(mark) ? String(text.dropFirst(mark.count)) : line
            }
        }
        if contains(.skipAllowOOM) { lines[0] = "#!lua" }
        return RedisScript(name: script.name, source: lines.joined(separator: "\n"))
    }
}
