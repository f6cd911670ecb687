import Core
import TestSupport
import Testing

@Suite struct DurationTests {
    @Test(
        arguments: [
            (.zero, 0), (.nanoseconds(999), 0), (.microseconds(1666), 1666), (.milliseconds(-2), -2000),
            (.seconds(3600) + .nanoseconds(1500), 3_600_000_001), (.seconds(Int64.max), .max),
            (.seconds(Int64.min), .min), (.seconds(9_223_372_036_854) + .milliseconds(800), .max),
        ] as [(Duration, Int64)])
    func microsecondsAreWholeAndNeverTooMany(duration: Duration, microseconds: Int64) {
        #expect(duration.microseconds == microseconds)
    }
}

@Suite struct RFC3339Tests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2025-11-03T10:30:00Z", 1_762_165_800_000),
            ("2025-11-03T10:30:00.000Z", 1_762_165_800_000), ("2025-11-03T19:30:00+09:00", 1_762_165_800_000),
            ("2025-11-03T05:00:00-05:30", 1_762_165_800_000), ("2025-11-03t10:30:00z", 1_762_165_800_000),
            ("2025-11-03T10:30:00.5Z", 1_762_165_800_500), ("2025-11-03T10:30:00.1239Z", 1_762_165_800_123),
            ("2025-11-03T10:30:00-00:00", 1_762_165_800_000), ("1969-12-31T23:59:59.999Z", -1),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000), ("2000-02-29T00:00:00Z", 951_782_400_000),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000), ("2017-01-01T08:59:60+09:00", 1_483_228_800_000),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000), ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ] as [(String, Int64)])
    func aDateTimeWithAnOffsetIsAnInstant(text: String, milliseconds: Int64) {
        #expect(EpochMilliseconds(rfc3339: text)?.rawValue == milliseconds)
    }

    @Test(arguments: [
        "", "2025-11-03", "2025-11-03T10:30:00", "2025-11-03T10:30:00.Z", "2025-11-03 10:30:00Z", "2025-11-03T10:30Z",
        "2025-13-03T10:30:00Z", "2025-00-03T10:30:00Z", "2025-02-29T10:30:00Z", "1900-02-29T10:30:00Z",
        "2025-11-31T10:30:00Z", "2025-11-00T10:30:00Z", "2025-11-03T24:00:00Z", "2025-11-03T10:60:00Z",
        "2025-11-03T10:30:61Z", "2025-11-03T10:30:60Z", "2025-11-03T10:30:00+9:00", "2025-11-03T10:30:00+0900",
        "2025-11-03T10:30:00+24:00", "2025-11-03T10:30:00+09:60", "2025-11-03T10:30:00Z ", " 2025-11-03T10:30:00Z",
        "2025-11-03T10:30:00,5Z", "20251103T103000Z", "2025-1-03T10:30:00Z", "+2025-11-03T10:30:00Z", "1762165800",
        "２025-11-03T10:30:00Z",
    ])
    func everythingElseIsRefused(text: String) { #expect(EpochMilliseconds(rfc3339: text) == nil) }

    @Test(
        arguments: [
            (1_762_165_800_000, "2025-11-03T10:30:00.000Z"), (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"), (951_782_400_007, "2000-02-29T00:00:00.007Z"),
        ] as [(Int64, String)])
    func itIsWrittenInUTCWithMilliseconds(milliseconds: Int64, text: String) {
        #expect(EpochMilliseconds(rawValue: milliseconds).rfc3339 == text)
    }

    @Test func everyInstantOfTheFourDigitYearsSurvivesBeingWrittenAndReadAgain() {
        var random = SeededGenerator(seed: SeededGenerator.seedOfThisRun)
        for _ in 0..<5000 {
            let value = Int64.random(in: -62_167_219_200_000...253_402_300_799_999, using: &random)
            let instant = EpochMilliseconds(rawValue: value)
            #expect(EpochMilliseconds(rfc3339: instant.rfc3339) == instant, "seed \(SeededGenerator.seedOfThisRun)")
        }
    }

    @Test func instantsBeyondTheFourDigitYearsAreStillWritten() {
        #expect(EpochMilliseconds(rawValue: 253_402_300_800_000).rfc3339 == "10000-01-01T00:00:00.000Z")
        #expect(EpochMilliseconds(rawValue: .max).rfc3339 == "292278994-08-17T07:12:55.807Z")
        #expect(EpochMilliseconds(rawValue: .min).rfc3339 == "-292275055-05-16T16:47:04.192Z")
    }
}

@Suite struct CivilDateTests {
    @Test func daysCountWithoutAGapOverFourHundredYears() throws {
        var expected = try #require(CivilDate(year: 1900, month: 1, day: 1))
        let first = expected.daysSinceEpoch
        #expect(first == -25_567)
        for day in first..<(first + 146_097) {
            #expect(CivilDate(daysSinceEpoch: day) == expected)
            #expect(expected.daysSinceEpoch == day)
            expected =
                CivilDate(year: expected.year, month: expected.month, day: expected.day + 1)
                ?? CivilDate(year: expected.year, month: expected.month + 1, day: 1)
                ?? CivilDate(year: expected.year + 1, month: 1, day: 1)!
        }
        #expect(expected.description == "2300-01-01")
    }

    @Test(arguments: [
        "", "2025-1-03", "2025-11-3", "2025-11-31", "2025-02-29", "2025-11-03T", "2025/11/03", "25-11-03", "2025-13-01",
    ])
    func whatIsNoDayIsRefused(text: String) { #expect(CivilDate(text) == nil) }

    @Test func daysAreAddedAcrossMonthsAndYears() throws {
        let date = try #require(CivilDate("2024-02-28"))
        #expect(date.adding(days: 1).description == "2024-02-29")
        #expect(date.adding(days: 2).description == "2024-03-01")
        #expect(date.adding(days: -59).description == "2023-12-31")
        #expect(date < date.adding(days: 1))
    }

    @Test func theDayOfAnInstantIsTheUTCOne() throws {
        let instant = try #require(EpochMilliseconds(rfc3339: "2025-11-03T01:00:00+09:00"))
        #expect(CivilDate(utc: instant).description == "2025-11-02")
        #expect(CivilDate(utc: EpochMilliseconds(rawValue: -1)).description == "1969-12-31")
        #expect(CivilDate("2025-11-03")?.startInUTC.rfc3339 == "2025-11-03T00:00:00.000Z")
    }
}
