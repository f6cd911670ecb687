import Core
import EventLoop
import JobQueue

/// `watch`: the queues and the workers on a screen that is redrawn in place.
enum WatchCommand {
    static let command = Command(
        "watch", .queues, "Shows queues, rates, workers and alerts live, redrawn in place.",
        options: [
            .value("interval", "SECONDS", "between two looks, 1 to 60; 1 by default"),
            .value("frames", "NUMBER", "end after so many, 1 to 1,000,000; without it q or Ctrl-C ends it"),
        ],
        examples: ["watch", "watch --interval 5", "watch --json --frames 10 | jq -c '.queues[0].ready'"],
        details: """
            On a terminal: q ends it, the arrows (or j and k) choose a queue, p pauses or resumes it when y confirms. Elsewhere each frame \
            is printed below the one before; with --json as one object a line. A look costs Redis a script call for each \
            queue and shard, some 2 ms in all; who works on what is asked each 5 s. Needs no PostgreSQL.
            """
    ) { session, arguments in
        let interval = Duration.seconds(try arguments.integer("interval", or: 1, in: 1...60))
        let frames = try arguments.integer("frames", or: .max, in: 1...1_000_000)
        let queue = try await session.queue()
        // What is wrong with the beginning is an error; later it is an alert.
        _ = try await queue.stats(QueueName.allCases[0])
        let watch = Watch(session, queue, interval: interval, frames: frames, place: try session.place())
        try await watch.run()
        return .written
    }
}

/// One call of `watch`.
@Loop
private final class Watch {
    private let session: Session
    private let queue: JobQueue
    private let framesMax: Int
    private let place: String
    private var model: WatchModel
    private var terminal: Terminal?
    private let waker = Waker()
    private var isOver = false
    private var isLooking = false
    /// Looks that have ended, well or not.
    private var looks = 0
    private var lookedAtMilliseconds: Int64 = 0
    private var workersAtMilliseconds = Int64.min / 2
    private var selected = QueueName.allCases[0]
    /// A key asked for this, and `y` confirms it.
    private var asked: (queue: QueueName, pauses: Bool)?
    private var notice: StyledLine?

    private static let workersEach = Duration.seconds(5)
    /// Jobs under leases that are looked at for the workers' lines.
    private static let workersScan = 2000

    init(_ session: Session, _ queue: JobQueue, interval: Duration, frames: Int, place: String) {
        self.session = session
        self.queue = queue
        self.place = place
        framesMax = frames
        model = WatchModel(interval: interval)
    }

    func run() async throws {
        if session.console.isScreen, !session.wantsJSON {
            let terminal = Terminal { [weak self] in self?.take($0) }
            terminal.open()
            self.terminal = terminal
        }
        let interrupt = terminal == nil ? Interrupt { [waker] in waker.wake() } : nil
        defer { terminal?.close() }
        var drawn = 0
        while !isOver, interrupt?.came != true {
            let now = Loop.monotonicMilliseconds
            if !isLooking, looks == 0 || now - lookedAtMilliseconds >= model.interval.milliseconds {
                startLook(at: now)
            }
            // A screen is drawn for keys too, a pipe gets each look once.
            if looks > 0, terminal != nil || looks > drawn {
                drawn = looks
                try await draw()
                if drawn >= framesMax { return }
            }
            let wait =
                isLooking ? 1000 : model.interval.milliseconds - (Loop.monotonicMilliseconds - lookedAtMilliseconds)
            await waker.wait(for: .milliseconds(max(1, wait)))
        }
    }

    private func draw() async throws {
        let now = Loop.wallClock
        let console = session.console
        if session.wantsJSON { return try await console.write(model.json(now: now).text + "\n") }
        var frame = WatchFrame(model: model, now: now, place: place)
        guard let terminal else {
            return try await console.show(frame.lines(size: nil) + [""], on: .out)
        }
        frame.selected = selected
        frame.prompt = asked.map { "\($0.pauses ? "Pause" : "Resume") \($0.queue.rawValue)? y or n" } ?? notice
        let colours = console.showsColours(on: .out)
        let lines = frame.lines(size: terminal.size).map { $0.rendered(colours: colours) }
        try await console.write(terminal.frame(lines))
    }

    // MARK: Looking

    /// A look goes on beside the screen: keys are heard though Redis is silent.
    private func startLook(at now: Int64) {
        isLooking = true
        lookedAtMilliseconds = now
        Task {
            do {
                model.take(try await QueueDepth.readAll(queue))
                if now - workersAtMilliseconds >= Self.workersEach.milliseconds {
                    workersAtMilliseconds = now
                    model.workers = try await WorkersCommand.look(session, scan: Self.workersScan)
                }
            } catch {
                model.fail("\(error)", at: Loop.wallClock)
            }
            looks += 1
            isLooking = false
            waker.wake()
        }
    }

    // MARK: Keys

    private func take(_ event: Terminal.Event) {
        switch event {
        case .end: isOver = true
        case .redraw: break
        case .key(let key): take(key)
        }
        waker.wake()
    }

    private func take(_ key: Terminal.Key) {
        notice = nil
        if let asked {
            self.asked = nil
            if key == .character("y") { setPaused(asked.queue, asked.pauses) }
            return
        }
        let all = QueueName.allCases
        let place = all.firstIndex(of: selected) ?? 0
        switch key {
        case .character("q"): isOver = true
        case .up, .character("k"): selected = all[max(0, place - 1)]
        case .down, .character("j"): selected = all[min(all.count - 1, place + 1)]
        case .character("p"):
            let isPaused = model.depths.first { $0.name == selected }?.stats.isPaused ?? false
            asked = (selected, !isPaused)
        case .character: break
        }
    }

    private func setPaused(_ name: QueueName, _ pauses: Bool) {
        Task {
            do {
                if pauses { try await queue.pause(name) } else { try await queue.resume(name) }
                notice = "\(name.rawValue) \(pauses ? "is paused" : "works again")."
                lookedAtMilliseconds = 0
            } catch {
                notice = "\("\(name.rawValue) could not be \(pauses ? "paused" : "resumed"): \(error)", .bad)"
            }
            waker.wake()
        }
    }
}

/// One task's wait, which others may end early.
@Loop
private final class Waker {
    private var continuation: CheckedContinuation<Void, Never>?
    private var timer: LoopTimer?
    private var isAwake = false

    func wait(for time: Duration) async {
        if !isAwake {
            await withCheckedContinuation { continuation in
                self.continuation = continuation
                timer = LoopTimer(after: time) { [weak self] in self?.wake() }
            }
        }
        isAwake = false
    }

    func wake() {
        isAwake = true
        timer?.cancel()
        timer = nil
        continuation?.resume()
        continuation = nil
    }
}
