import CCurl
import EventLoop

/// libcurl's multi handle, driven by the event loop.
@Loop
final class Multi {
    private var handle: UnsafeMutableRawPointer?
    private var running: [UnsafeMutableRawPointer: Transfer] = [:]
    private var idle: [UnsafeMutableRawPointer] = []
    private var watches: [Int32: FileWatch] = [:]
    private var timer: LoopTimer?
    private var isTimerWanted = false

    /// Easy handles kept for reuse; a handle costs about 10 KiB.
    private static let idleMax = 1024
    private static let globallyInitialized: Bool = tributary_curl_global_init() == CURLE_OK

    init(idleConnectionsMax: Int) {
        precondition(Self.globallyInitialized, "libcurl cannot be initialized")
        guard let handle = curl_multi_init() else { fatalError("libcurl is out of memory") }
        self.handle = handle
        let context = Unmanaged.passUnretained(self).toOpaque()
        tributary_curl_multi_set_long(handle, CURLMOPT_MAXCONNECTS, idleConnectionsMax)
        tributary_curl_on_socket(
            handle,
            { _, descriptor, interest, context, _ in
                Loop.entering(context, as: Multi.self) { $0.watch(descriptor, interest) }
                return 0
            }, context)
        tributary_curl_on_timer(
            handle,
            { _, milliseconds, context in
                Loop.entering(context, as: Multi.self) { $0.setTimer(milliseconds) }
                return 0
            }, context)
    }

    isolated deinit { close() }

    var count: Int { running.count }
    var isClosed: Bool { handle == nil }

    /// An easy handle in its first state.
    func takeHandle() -> UnsafeMutableRawPointer {
        if let easy = idle.popLast() { return easy }
        guard let easy = curl_easy_init() else { fatalError("libcurl is out of memory") }
        return easy
    }

    /// Runs a prepared transfer to its end. What libcurl knows of it afterwards is read by `collect`, before its handle
    /// goes back.
    func run<Outcome: Sendable>(_ transfer: Transfer, collect: @Loop (CURLcode) -> Outcome) async -> Outcome {
        guard let handle else {
            defer { curl_easy_cleanup(transfer.easy.pointer) }
            return collect(CURLE_ABORTED_BY_CALLBACK)
        }
        let code = await withCheckedContinuation { continuation in
            transfer.continuation = continuation
            running[transfer.easy.pointer] = transfer
            let result = curl_multi_add_handle(handle, transfer.easy.pointer)
            if result != CURLM_OK { finish(transfer.easy.pointer, CURLE_FAILED_INIT) }
        }
        let outcome = collect(code)
        release(transfer.easy.pointer)
        return outcome
    }

    /// Ends every transfer with `CURLE_ABORTED_BY_CALLBACK`, and all connections.
    func close() {
        guard let handle else { return }
        for easy in Array(running.keys) { finish(easy, CURLE_ABORTED_BY_CALLBACK) }
        self.handle = nil
        for easy in idle { curl_easy_cleanup(easy) }
        idle = []
        curl_multi_cleanup(handle)
        timer?.cancel()
        timer = nil
        for watch in watches.values { watch.cancel() }
        watches = [:]
    }

    private func release(_ easy: UnsafeMutableRawPointer) {
        if isClosed || idle.count >= Self.idleMax {
            curl_easy_cleanup(easy)
        } else {
            // Keeps the connections, which belong to the multi handle.
            curl_easy_reset(easy)
            idle.append(easy)
        }
    }

    private func finish(_ easy: UnsafeMutableRawPointer, _ code: CURLcode) {
        guard let transfer = running.removeValue(forKey: easy) else { return }
        if let handle { curl_multi_remove_handle(handle, easy) }
        let continuation = transfer.continuation
        transfer.continuation = nil
        continuation?.resume(returning: code)
    }

    // MARK: Events

    private func watch(_ descriptor: Int32, _ interest: Int32) {
        if interest == CURL_POLL_REMOVE {
            watches.removeValue(forKey: descriptor)?.cancel()
            return
        }
        let watch =
            watches[descriptor]
            ?? FileWatch(descriptor: descriptor) { [weak self] ready in self?.act(on: descriptor, ready) }
        watches[descriptor] = watch
        var wanted: FileWatch.Interest = []
        if interest & CURL_POLL_IN != 0 { wanted.insert(.readable) }
        if interest & CURL_POLL_OUT != 0 { wanted.insert(.writable) }
        watch.watch(for: wanted)
    }

    private func setTimer(_ milliseconds: Int) {
        isTimerWanted = milliseconds >= 0
        guard isTimerWanted else { return }
        if let timer {
            timer.arm(after: .milliseconds(milliseconds))
        } else {
            timer = LoopTimer(after: .milliseconds(milliseconds)) { [weak self] in self?.timerFired() }
        }
    }

    private func timerFired() {
        guard isTimerWanted else { return }
        isTimerWanted = false
        act(on: Self.timeout, [])
    }

    /// `CURL_SOCKET_TIMEOUT`, a macro.
    private static let timeout: Int32 = -1

    private func act(on descriptor: Int32, _ ready: FileWatch.Interest) {
        guard let handle else { return }
        var mask: Int32 = 0
        if ready.contains(.readable) { mask |= CURL_CSELECT_IN }
        if ready.contains(.writable) { mask |= CURL_CSELECT_OUT }
        var stillRunning: Int32 = 0
        curl_multi_socket_action(handle, descriptor, mask, &stillRunning)
        var code = CURLE_OK
        while let easy = tributary_curl_next_done(handle, &code) { finish(easy, code) }
    }
}
