import Testing

@testable import Webhooks

@Suite struct DeliveryScheduleTests {
    @Test func tenAttemptsWithTheSpecifiedWaits() {
        let schedule = DeliverySchedule.standard
        let waits = (1...10).map { schedule.wait(afterAttempt: $0, jitter: 0) }
        #expect(
            waits == [
                .seconds(5), .seconds(300), .seconds(1800), .seconds(7200), .seconds(18_000), .seconds(36_000),
                .seconds(50_400), .seconds(72_000), .seconds(86_400), nil,
            ])
        #expect(schedule.attemptsMax == 10 && schedule.waits[0] == .zero)
    }

    @Test func jitterAddsATenthAtMostAndTakesNothingAway() throws {
        for attempt in 1..<10 {
            let plain = try #require(DeliverySchedule.standard.wait(afterAttempt: attempt, jitter: 0))
            for jitter in [0.1, 0.5, 0.999, 1, 5, -3] {
                let wait = try #require(DeliverySchedule.standard.wait(afterAttempt: attempt, jitter: jitter))
                #expect(wait >= plain && wait <= plain * 1.1)
            }
        }
    }
}
