import EventLoop
import Glibc

/// Waits for a condition that nothing announces: asks every 2 ms until it holds.
/// - Throws: ``TestSupportError`` with the place of the call when it does not hold within `deadline`.
@Loop package func eventually(
    within deadline: Duration = .seconds(10), file: StaticString = #fileID, line: UInt = #line,
    _ condition: @Loop () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let limit = clock.now + deadline
    while true {
        if try await condition() { return }
        if clock.now >= limit { throw TestSupportError("\(file):\(line): not true within \(deadline)") }
        try await Loop.sleep(for: .milliseconds(2))
    }
}

/// A name no other test has: lower-case letters, digits and `_`, so good for a key prefix, a schema and a file.
package func uniqueName(_ prefix: String) -> String {
    "\(prefix)_\(String(getpid(), radix: 36))_\(String(UInt64.random(in: .min ... .max), radix: 36))"
}
