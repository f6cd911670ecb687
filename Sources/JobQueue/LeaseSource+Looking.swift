import Core
import EventLoop

/// How a source learns where work is: markers, timers, and looks.
extension LeaseSource {
    func wake(_ marker: WakeListener.Marker?) {
        guard let marker else { return pump() }
        if isQuiet || !hasWaiters {
            // Nobody here wants it: the look puts the marker back for another worker.
            startLook(marker.queue, marker.shard)
            return
        }
        lanes[marker.queue].board.heat(marker.shard)
        let name = lanes[marker.queue].name
        // Whoever waits for places is called there.
        if marker.shard == queue.context.keys.home(of: name), queue.shares.recall(name) {
            lanes[marker.queue].waitsUntil = nil
        }
        // One batch of all that is there.
        if startGlanceWhereBusy() { return }
        pump()
    }

    /// One timer for the earliest of what is due in any shard, the end of a back-off or of a limit's wait, and, while suspects
    /// keep this process from leasing, a look whether another has taken them.
    func armCheck() {
        guard !isQuiet else { return }
        let now = Loop.monotonicMilliseconds
        var at = Int64.max
        if now < resumesAtMilliseconds { at = resumesAtMilliseconds }
        for lane in lanes {
            if let check = lane.board.earliestCheck { at = min(at, check) }
            guard hasWaiters else { continue }
            if let wait = lane.waitsUntil { at = min(at, wait) }
            if lane.board.hasSuspects {
                at = min(at, now + max(10, queue.configuration.lease.milliseconds / 50))
            }
        }
        guard at < .max else { return }
        if let checkTimer {
            // One that fires too early only arms the next.
            if checkTimer.atMilliseconds <= at { return }
            checkTimer.timer.cancel()
        }
        // Two milliseconds at least: a capped step that leaves something due must not become a busy loop.
        let timer = LoopTimer(after: .milliseconds(max(2, at - now))) { [weak self] in self?.check() }
        checkTimer = (timer, at)
    }

    private func check() {
        checkTimer = nil
        let now = Loop.monotonicMilliseconds
        for index in lanes.indices {
            let due = lanes[index].board.takeDue(now: now)
            if !hasWaiters || lanes[index].board.hasSuspects || lanes[index].waitsUntil != nil {
                for shard in Set(due).union(lanes[index].board.suspectShards) { startLook(index, shard) }
            } else {
                for shard in due { lanes[index].board.heat(shard) }
            }
        }
        pump()
    }

    func armLook() {
        guard !isQuiet else { return }
        let third = Double(queue.configuration.lease.milliseconds) / 3
        // Some jitter, so that the workers of a fleet do not look in step.
        lookTimer = LoopTimer(after: .milliseconds(Int64(third * Double.random(in: 0.9...1)))) {
            [weak self] in
            guard let self, !isQuiet else { return }
            queue.context.feed.lookIfActive()
            startGlance(ticks: true)
            armLook()
        }
    }

    /// One command over all shards of all queues. Where something is to be done, somebody who waits leases, which does it too.
    ///
    /// - Parameter ticks: whether the shards in which nobody can lease are ticked, so that what is due there is done. Timers
    ///   see to that too, so a look for the sake of speed does not.
    func startGlance(ticks: Bool = false) {
        isGlancing = true
        let sentAt = Loop.monotonicMilliseconds
        glancedAtMilliseconds = sentAt
        looksOnTheirWay += 1
        Task {
            do throws(QueueError) {
                let glances = try await queue.glance(lanes.map(\.name))
                knownAtMilliseconds = sentAt
                for (index, glance) in glances.enumerated() { take(glance, of: index, ticks: ticks) }
            } catch {
                heatAll()
                backOff(error, lanes[0].name)
            }
            isGlancing = false
            looksOnTheirWay -= 1
            pump()
            endStopIfDone()
        }
    }

    private func take(_ glance: QueueGlance, of index: Int, ticks: Bool) {
        let now = Loop.monotonicMilliseconds
        let leases = hasWaiters && !lanes[index].board.hasSuspects && lanes[index].waitsUntil == nil
        for (shard, state) in glance.shards.enumerated() {
            switch state {
            case .needsTick(let ready):
                if leases || !ticks {
                    lanes[index].board.heat(shard, ready: ready)
                } else {
                    startLook(index, shard)
                }
            case .rests(let nextCheck):
                lanes[index].board.note(nextCheck: nextCheck, shard: shard, now: now)
            }
        }
        queue.shares.noteLook(isLimited: glance.isLimited, of: lanes[index].name)
    }

    private func startLook(_ index: Int, _ shard: Int) {
        looksOnTheirWay += 1
        let name = lanes[index].name
        Task {
            do throws(QueueError) {
                let answer = try await queue.tick(name, shard: shard)
                lanes[index].board.note(answer, shard: shard, now: Loop.monotonicMilliseconds)
            } catch {
                lanes[index].board.heat(shard)
                backOff(error, name)
            }
            looksOnTheirWay -= 1
            pump()
            endStopIfDone()
        }
    }
}
