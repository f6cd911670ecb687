import Core
import EventLoop
import HTTPServer
import TestSupport
import Testing

@testable import Webhooks

/// One slow endpoint never delays another.
@Suite(.timeLimit(.minutes(1))) struct IsolationTests {
    init() { Loop.startThread() }

    /// Whether all deliveries to a good endpoint arrive while another one, with more deliveries than the process has places,
    /// answers none.
    @Loop private func goodOneGetsAll(endpointWindow: Int) async throws -> Bool {
        var gotAll = false
        try await DeliveryFixture.run { fixture in
            let silent = Gate()
            let server = HTTPServer { _ in
                await silent.wait()
                return HTTPResponse(status: 200)
            }
            try server.start()
            let slow = try await fixture.addEndpoint(url: "http://127.0.0.1:\(server.port)/")
            for _ in 0..<100 { try await fixture.enqueue(try await fixture.owe(to: slow), endpoint: slow) }
            try fixture.startWorker(window: 40, endpointWindow: endpointWindow)
            try await eventually { silent.arrivals >= min(16, endpointWindow) }
            for _ in 0..<50 { try await fixture.enqueue(try await fixture.owe()) }
            do {
                try await eventually(within: .seconds(3)) { fixture.receiver.requests.count == 50 }
                gotAll = true
            } catch is TestSupportError {}
            silent.open()
            await server.stop(deadline: .seconds(2))
        }
        return gotAll
    }

    @Loop @Test func aSilentEndpointTakesNoPlaceFromAnother() async throws {
        #expect(try await goodOneGetsAll(endpointWindow: 16))
    }

    @Loop @Test func whoHasItsTurnWhenTheWorkerStopsIsNotSent() async throws {
        try await DeliveryFixture.run { fixture in
            let silent = Gate()
            var count = 0
            let server = HTTPServer { _ in
                count += 1
                // The first end says how long an attempt lasts: without it nobody waits for a turn.
                if count > 1 { await silent.wait() }
                return HTTPResponse(status: 200)
            }
            try server.start()
            let slow = try await fixture.addEndpoint(url: "http://127.0.0.1:\(server.port)/")
            try fixture.startWorker(window: 40, endpointWindow: 1)
            let first = try await fixture.owe(to: slow)
            try await fixture.enqueue(first, endpoint: slow)
            try await fixture.untilState(first, "delivered 1")
            var others: [UUID] = []
            for _ in 0..<3 { others.append(try await fixture.owe(to: slow)) }
            for id in others { try await fixture.enqueue(id, endpoint: slow) }
            try await eventually {
                var begun = 0
                for id in others { begun += try await fixture.attempts(id).count }
                return silent.arrivals == 1 && begun == 3
            }
            let stop = Task { @Loop in await fixture.stopWorker() }
            try await eventually { fixture.isStopping }
            silent.open()
            await stop.value
            #expect(count == 2)
            var states: [String] = []
            for id in others { states.append(try await fixture.state(id)) }
            #expect(states.sorted() == ["delivered 1", "owed 0", "owed 0"])
            await server.stop(deadline: .seconds(2))
        }
    }

    @Loop @Test func crowdedOutDeliveriesAreMadeInTheEnd() async throws {
        try await DeliveryFixture.run { fixture in
            try fixture.startWorker(window: 20, endpointWindow: 2)
            var ids: [UUID] = []
            for _ in 0..<60 { ids.append(try await fixture.owe()) }
            for id in ids { try await fixture.enqueue(id) }
            for id in ids { try await fixture.untilState(id, "delivered 1") }
            #expect(fixture.receiver.requests.count == 60)
            #expect(fixture.receiver.mostAtATime <= 2)
        }
    }
}
