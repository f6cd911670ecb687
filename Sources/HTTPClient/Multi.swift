import CCurl
import EventLoop
import Glibc

/// libcurl's multi handle, driven by the event loop.
@Loop
final class Multi {
    private var handle: UnsafeMutableRawPointer?
    private var running: [UnsafeMutableRawPointer: Transfer] = [:]
    private let sockets = SocketWatches()
    private var timer: LoopTimer?
    private var isTimerWanted = false
    private var isTurnEndWanted = false

    private static let globallyInitialized: Bool = tributary_curl_global_init() == CURLE_OK

    init(idleConnectionsMax: Int) {
        precondition(Self.globallyInitialized, "libcurl cannot be initialized")
        guard let handle = curl_multi_init() else { outOfMemory() }
        self.handle = handle
        let context = Unmanaged.passUnretained(self).toOpaque()
        tributary_curl_multi_set_long(handle, CURLMOPT_MAXCONNECTS, idleConnectionsMax)
        tributary_curl_on_socket(
            handle,
            { _, descriptor, interest, context, _ in
                Loop.entering(context, as: Multi.self) { $0.sockets.watch(descriptor, interest) }
                return 0
            }, context)
        tributary_curl_on_timer(
            handle,
            { _, milliseconds, context in
                Loop.entering(context, as: Multi.self) { $0.setTimer(milliseconds) }
                return 0
            }, context)
        sockets.onReady = { [weak self] descriptor, ready in self?.act(on: descriptor, ready) }
    }

    isolated deinit { close() }

    var isClosed: Bool { handle == nil }

    /// Runs a prepared transfer to its end. What libcurl knows of it afterwards can be read until the transfer is used again.
    func run(_ transfer: Transfer) async -> CURLcode {
        guard let handle else { return CURLE_ABORTED_BY_CALLBACK }
        sockets.hearOfClosing(by: transfer.easy)
        return await withUnsafeContinuation { continuation in
            transfer.continuation = continuation
            running[transfer.easy.pointer] = transfer
            let result = curl_multi_add_handle(handle, transfer.easy.pointer)
            if result != CURLM_OK { finish(transfer.easy.pointer, CURLE_FAILED_INIT) }
        }
    }

    /// Ends every transfer with `CURLE_ABORTED_BY_CALLBACK`, and all connections.
    func close() {
        guard let handle else { return }
        for easy in Array(running.keys) { finish(easy, CURLE_ABORTED_BY_CALLBACK) }
        self.handle = nil
        curl_multi_cleanup(handle)
        timer?.cancel()
        timer = nil
        sockets.cancelAll()
    }

    private func finish(_ easy: UnsafeMutableRawPointer, _ code: CURLcode) {
        guard let transfer = running.removeValue(forKey: easy) else { return }
        if let handle { curl_multi_remove_handle(handle, easy) }
        let continuation = transfer.continuation
        transfer.continuation = nil
        continuation?.resume(returning: code)
    }

    // MARK: Events

    private func setTimer(_ milliseconds: Int) {
        isTimerWanted = milliseconds >= 0
        guard isTimerWanted else { return }
        if milliseconds == 0 {
            // What was added in this turn starts together at its end.
            guard !isTurnEndWanted else { return }
            isTurnEndWanted = true
            Loop.atTurnEnd { [weak self] in
                self?.isTurnEndWanted = false
                self?.timerFired()
            }
        } else if let timer {
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
