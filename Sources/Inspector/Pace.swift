import EventLoop

/// Lets things happen at a steady pace, in slices: so many a second, and never a burst after a pause.
@Loop
struct Pace {
    /// Things a second.
    let rate: Int
    private let begin = Loop.monotonicMilliseconds
    private var passed = 0

    init(rate: Int) { self.rate = rate }

    /// A tenth of a second's worth, up to a limit that keeps a script short.
    nonisolated static let sliceMax = 100

    var slice: Int { max(1, min(Self.sliceMax, rate / 10)) }

    /// Waits until `count` more may happen.
    mutating func wait(for count: Int) async throws {
        let due = begin + Int64(passed) * 1000 / Int64(rate)
        passed += count
        let wait = due - Loop.monotonicMilliseconds
        if wait > 0 { try await Loop.sleep(for: .milliseconds(wait)) }  // the pace that was asked for
    }
}
