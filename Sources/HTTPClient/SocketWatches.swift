import CCurl
import EventLoop
import Glibc

/// What libcurl waits for, socket by socket.
///
/// libcurl lets go of a connection's socket after each transfer and takes it up again with the next one. The kernel is told of
/// neither: the watch stays, and ends when it fires while nobody waits, or before the socket is closed. That saves two system
/// calls a transfer.
@Loop
final class SocketWatches {
    private struct Entry {
        let watch: FileWatch
        /// Empty while the connection is idle.
        var wanted: FileWatch.Interest
    }

    var onReady: (@Loop (Int32, FileWatch.Interest) -> Void)?
    private var entries: [Int32: Entry] = [:]

    nonisolated init() {}

    /// A connection that this transfer opens tells of its end, even long after the transfer.
    func hearOfClosing(by easy: EasyHandle) {
        easy.check(
            tributary_curl_on_close_socket(
                easy.pointer,
                { context, descriptor in
                    Loop.entering(context, as: SocketWatches.self) { $0.forget(descriptor) }
                    return close(descriptor)
                }, Unmanaged.passUnretained(self).toOpaque()))
    }

    /// libcurl's wish: `interest` is one of `CURL_POLL_…`.
    func watch(_ descriptor: Int32, _ interest: Int32) {
        var wanted: FileWatch.Interest = []
        if interest != CURL_POLL_REMOVE {
            if interest & CURL_POLL_IN != 0 { wanted.insert(.readable) }
            if interest & CURL_POLL_OUT != 0 { wanted.insert(.writable) }
        }
        if let watch = entries[descriptor]?.watch {
            entries[descriptor]?.wanted = wanted
            if !wanted.isEmpty { watch.watch(for: wanted) }
        } else if !wanted.isEmpty {
            let watch = FileWatch(descriptor: descriptor) { [weak self] in self?.fired(descriptor, $0) }
            entries[descriptor] = Entry(watch: watch, wanted: wanted)
            watch.watch(for: wanted)
        }
    }

    private func fired(_ descriptor: Int32, _ ready: FileWatch.Interest) {
        guard let entry = entries[descriptor] else { return }
        if entry.wanted.isEmpty {
            // An idle connection has something to read, most often its end. libcurl finds out when it wants to use it.
            entry.watch.cancel()
        } else {
            onReady?(descriptor, ready)
        }
    }

    private func forget(_ descriptor: Int32) { entries.removeValue(forKey: descriptor)?.watch.cancel() }

    func cancelAll() {
        for entry in entries.values { entry.watch.cancel() }
        entries = [:]
    }
}
