import Testing

@testable import Webhooks

@Suite struct EndpointWindowTests {
    private func window(inFlight: Int = 64, waiting: Int = 250) -> EndpointWindow {
        EndpointWindow(EndpointWindow.Limits(inFlight: inFlight, waiting: waiting), now: 0)
    }

    /// As many as find room at once, each sent.
    private func fill(_ window: inout EndpointWindow, now: Int64) -> [EndpointWindow.Permit] {
        var permits: [EndpointWindow.Permit] = []
        while window.inFlight < window.size {
            guard window.admit(now: now) == .admitted, let permit = window.enterIfRoom(now: now) else { break }
            permits.append(permit)
        }
        return permits
    }

    @Test func anEndpointNobodyKnowsGetsAFewAndHoldsNone() {
        var window = window()
        #expect(fill(&window, now: 0).count == 16)
        guard case .later(let wait) = window.admit(now: 0) else {
            Issue.record("a 17th waits in the process")
            return
        }
        #expect(wait >= 50)
        #expect(window.waiting == 0 && window.inFlight == 16)
    }

    @Test func quickSuccessesWidenItToTheLimit() {
        var window = window(inFlight: 20)
        for now in 0..<5 {
            for permit in fill(&window, now: Int64(now)) { window.leave(permit, .quick, now: Int64(now) + 1) }
        }
        #expect(window.size == 20 && window.isIdle)
    }

    @Test func strainHalvesItOnceForAllThatWereOnTheirWayTogether() {
        var window = window()
        for permit in fill(&window, now: 0) { window.leave(permit, .strained, now: 10) }
        #expect(window.size == 8)
        for permit in fill(&window, now: 10) { window.leave(permit, .strained, now: 20) }
        #expect(window.size == 4)
        for now in 0..<10 {
            for permit in fill(&window, now: Int64(now)) { window.leave(permit, .strained, now: Int64(now)) }
        }
        #expect(window.size == 1, "one at a time is left")
        for permit in fill(&window, now: 30) { window.leave(permit, .other, now: 40) }
        #expect(window.size == 1, "what says nothing of its strength changes nothing")
    }

    @Test func aFastEndpointMayHoldMoreThanItsWindow() {
        var window = window(inFlight: 16, waiting: 250)
        for permit in fill(&window, now: 0) { window.leave(permit, .quick, now: 1) }
        #expect(fill(&window, now: 2).count == 16)
        var held = 0
        while window.admit(now: 2) == .admitted { held += 1 }
        #expect(held == 250)
    }

    @Test func aSlowOneMayNot() {
        var window = window(inFlight: 16)
        for permit in fill(&window, now: 0) { window.leave(permit, .quick, now: 1000) }
        #expect(fill(&window, now: 1000).count == 16)
        var held = 0
        while window.admit(now: 1000) == .admitted { held += 1 }
        // 16 a second: in 0.2 s three have had their turn.
        #expect(held == 3)
    }

    @Test func oneThatFallsSilentHoldsNoMore() {
        var window = window(inFlight: 16)
        for permit in fill(&window, now: 0) { window.leave(permit, .quick, now: 1) }
        #expect(fill(&window, now: 1).count == 16)
        #expect(window.admit(now: 2) == .admitted)
        window.withdraw()
        #expect(window.admit(now: 5001) != .admitted)
    }

    @Test func thoseSentAwayComeBackOneAfterTheOtherAndWithinAMinute() {
        var window = window(inFlight: 16)
        for permit in fill(&window, now: 0) { window.leave(permit, .quick, now: 1000) }
        _ = fill(&window, now: 1000)
        var waits: [Int64] = []
        for _ in 0..<2000 {
            if case .later(let wait) = window.admit(now: 1000) { waits.append(wait) }
        }
        #expect(waits == waits.sorted() && waits.last == 60_000)
        // 62.5 ms between two turns.
        #expect(abs(waits[160] - waits[0] - 10_000) <= 100)
    }
}
