import Core
import Testing

@testable import Inspector

struct TimeWordsTests {
    @Test(arguments: [
        (0, "0 ms"), (340, "340 ms"), (1_250, "1.2 s"), (12_900, "12 s"), (200_000, "3 min 20 s"), (180_000, "3 min"),
        (18_720_000, "5 h 12 min"), (273_600_000, "3 d 4 h"),
    ]) func aDurationIsShownByItsTwoLargestUnits(milliseconds: Int, words: String) {
        #expect(Duration.milliseconds(milliseconds).words == words)
    }

    @Test func ofAFewMillisecondsNothingIsLeftOut() {
        #expect(Duration.microseconds(200).words == "200 µs" && Duration.microseconds(1666).words == "1666 µs")
        #expect(Duration.microseconds(2000).words == "2 ms" && Duration.microseconds(16_666).words == "16 ms")
    }

    @Test(arguments: [("90s", 90_000), ("15m", 900_000), ("2h", 7_200_000), ("3d", 259_200_000), ("500ms", 500)])
    func anAgeIsRead(text: String, milliseconds: Int) {
        #expect(Duration(words: text) == .milliseconds(milliseconds))
    }

    @Test(arguments: ["", "h", "-2h", "2w", "2 h", "9999999999d", "1.5h"]) func whatIsNoAgeIsRefused(text: String) {
        #expect(Duration(words: text) == nil)
    }

    @Test(arguments: [
        (0, "KRW", "0 KRW"), (1_234_567, "KRW", "1,234,567 KRW"), (-5, "USD", "-0.05 USD"),
        (123_456_789, "USD", "1,234,567.89 USD"), (-1_000_000, "KWD", "-1,000.000 KWD"),
    ]) func moneyIsGroupedByThousands(minorUnits: Int64, code: String, shown: String) throws {
        let currency = try #require(Currency.named(code))
        #expect(Money(minorUnits: minorUnits, currency: currency).shown == shown)
    }
}
