import CLinux
import Core
import Glibc

/// A descriptor that closes with its owner.
struct OwnedDescriptor: ~Copyable {
    let number: Int32

    /// Becomes readable when the process ends; `nil` when there is none by that id.
    init?(endOf process: pid_t) {
        number = tributary_process_descriptor(process)
        guard number >= 0 else { return nil }
    }

    /// Becomes readable when the file is written to.
    init(growthOf path: String) throws {
        number = tributary_growth_descriptor(path)
        guard number >= 0 else { throw TestSupportError("cannot watch \(path): \(String(cString: strerror(errno)))") }
    }

    deinit { close(number) }

    /// Forgets what has come so far.
    func drain() {
        var room = [UInt8](repeating: 0, count: 4096)
        while read(number, &room, room.count) > 0 {}
    }
}

/// Blocks until one of these can be read, or the deadline has passed; false then.
@discardableResult
func waitUntilReadable(_ descriptors: [Int32], until deadline: ContinuousClock.Instant) -> Bool {
    while true {
        var watched = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let milliseconds = ContinuousClock.now.duration(to: deadline).milliseconds + 1
        let count = poll(&watched, nfds_t(watched.count), Int32(clamping: max(0, milliseconds)))
        if count > 0 { return true }
        if count == 0 || errno != EINTR { return false }
    }
}
