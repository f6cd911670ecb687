import Testing

@testable import Redis

@Suite struct RedisConnectionMachineTests {
    private var random = HighestRandom()
    private var machine = RedisConnectionMachine(
        times: .init(connect: 2000, idlePing: 5000),
        reconnect: RedisReconnect(baseMilliseconds: 50, maxMilliseconds: 400))

    @Test mutating func itStartsOnce() {
        #expect(machine.tick(at: 0, owedWithin: nil) == .none)
        #expect(machine.deadline(owedWithin: nil) == nil)
        #expect(machine.start(at: 0) == .open)
        #expect(machine.start(at: 1) == .none)
    }

    @Test mutating func anOpeningThatTakesTooLongIsGivenUp() {
        _ = machine.start(at: 100)
        #expect(machine.deadline(owedWithin: nil) == 2100)
        #expect(machine.tick(at: 2099, owedWithin: 1) == .none)
        #expect(machine.tick(at: 2100, owedWithin: 1) == .giveUpOpening)
    }

    @Test mutating func afterALossItWaitsAndOpensAgain() {
        _ = machine.start(at: 0)
        machine.lost(at: 10, using: &random)
        #expect(machine.phase == .waiting(until: 60))
        machine.lost(at: 20, using: &random)
        #expect(machine.phase == .waiting(until: 60), "a loss counts once")
        #expect(machine.tick(at: 59, owedWithin: nil) == .none)
        #expect(machine.tick(at: 60, owedWithin: nil) == .open)
        #expect(machine.phase == .opening(deadline: 2060))
    }

    @Test mutating func aQuietConnectionIsPingedAndASilentOneGivenUp() {
        becomeReady(at: 0)
        #expect(machine.tick(at: 4999, owedWithin: nil) == .none)
        #expect(machine.tick(at: 5000, owedWithin: nil) == .ping)
        machine.beganToOwe(at: 5000)
        #expect(machine.tick(at: 5999, owedWithin: 1000) == .none)
        machine.heard(at: 5999)
        #expect(machine.tick(at: 6998, owedWithin: 1000) == .none)
        #expect(machine.tick(at: 6999, owedWithin: 1000) == .giveUpSilent)
    }

    @Test mutating func aStandstillOfOurOwnIsNotHeldAgainstRedisButOnce() {
        _ = machine.start(at: 0)
        #expect(machine.tick(at: 2100, owedWithin: nil) == .none)
        #expect(machine.tick(at: 4099, owedWithin: nil) == .none)
        #expect(machine.tick(at: 9000, owedWithin: nil) == .giveUpOpening, "only once")
        machine.prepared(at: 9000)
        machine.beganToOwe(at: 9000)
        #expect(machine.tick(at: 20_000, owedWithin: 1000) == .none)
        #expect(machine.deadline(owedWithin: 1000) == 21_000)
        #expect(machine.tick(at: 21_500, owedWithin: 1000) == .giveUpSilent, "only once")
        machine.heard(at: 21_500)
        #expect(machine.tick(at: 23_000, owedWithin: 1000) == .none, "another silence")
    }

    @Test mutating func aBlockingCommandsOwnPatienceCounts() {
        becomeReady(at: 0)
        machine.beganToOwe(at: 0)
        #expect(machine.deadline(owedWithin: 30_000) == 30_000)
        #expect(machine.tick(at: 29_999, owedWithin: 30_000) == .none)
    }

    @Test mutating func waitsGrowUntilAConnectionWasStable() {
        _ = machine.start(at: 0)
        var now: Int64 = 0
        var waits: [Int64] = []
        for serving in [0, 0, 10, 0, 399, 400, 0] as [Int64] {
            machine.prepared(at: now)
            now += serving
            machine.lost(at: now, using: &random)
            guard case .waiting(let until) = machine.phase else { return #expect(Bool(false)) }
            waits.append(until - now)
            now = until
            #expect(machine.tick(at: now, owedWithin: nil) == .open)
        }
        #expect(waits == [50, 100, 200, 400, 400, 50, 100])
    }

    @Test mutating func closedIsForGood() {
        becomeReady(at: 0)
        machine.close()
        machine.lost(at: 1, using: &random)
        machine.prepared(at: 1)
        #expect(machine.phase == .closed)
        #expect(machine.start(at: 2) == .none)
        #expect(machine.tick(at: 1_000_000, owedWithin: 1) == .none)
        #expect(machine.deadline(owedWithin: nil) == nil)
    }

    @Test func waitsAreSpreadOverTheWholeSpan() {
        var random = SystemRandomNumberGenerator()
        var seen: Set<Int64> = []
        for _ in 0..<2000 {
            var reconnect = RedisReconnect(baseMilliseconds: 50, maxMilliseconds: 2000)
            for attempt in 0..<70 {
                let wait = reconnect.nextWait(using: &random)
                #expect((0...2000).contains(wait))
                if attempt == 0 { seen.insert(wait) }
            }
        }
        #expect(seen.min() == 0 && seen.max() == 50)
    }

    private mutating func becomeReady(at now: Int64) {
        _ = machine.start(at: now)
        machine.prepared(at: now)
        #expect(machine.isReady)
    }
}

/// Makes each random wait the longest one possible.
private struct HighestRandom: RandomNumberGenerator {
    func next() -> UInt64 { .max }
}
