import Core
import TestSupport
import Testing

@Suite struct MoneyTests {
    private let usd = Currency.named("USD")!
    private let krw = Currency.named("KRW")!
    private let kwd = Currency.named("KWD")!

    @Test(
        arguments: [
            (33_333, 70_000, 2333, 2333),  // KRW 33,333 x 7 %
            (150, 30_000, 4, 5),  // JPY 150 x 3 %
            (12_345, 25_000, 309, 309),  // KWD 12.345 x 2.5 %
            (100, 50_000, 5, 5), (0, 50_000, 0, 0), (-150, 30_000, -4, -5),
            (1, 500_000, 0, 1), (3, 500_000, 2, 2), (5, 500_000, 2, 3),
        ] as [(Int64, Int64, Int64, Int64)])
    func aRateIsTakenExactlyAndRoundedOnce(amount: Int64, rate: Int64, halfEven: Int64, halfUp: Int64) throws {
        let rate = Rate(partsPerMillion: rate)
        #expect(try rate.of(minorUnits: amount, rounding: .halfEven) == halfEven)
        #expect(try rate.of(minorUnits: amount, rounding: .halfUp) == halfUp)
    }

    @Test(
        arguments: [
            (-1, 0, -1), (-3, -2, -2), (-5, -2, -3), (1, 0, 1), (3, 2, 2), (5, 2, 3), (0, 0, 0), (4, 2, 2),
            (-4, -2, -2),
        ] as [(Int64, Int64, Int64)])
    func halvesGoToTheEvenNeighbourOrAwayFromZero(halves: Int64, halfEven: Int64, halfUp: Int64) {
        #expect(scaled(halves, numerator: 1, denominator: 2, rounding: .halfEven) == halfEven)
        #expect(scaled(halves, numerator: 1, denominator: 2, rounding: .halfUp) == halfUp)
    }

    @Test(
        arguments: [
            (Rounding.halfEven, [-1, 0, 0, -1, -1, 0, 0, -1, -1, 0]),
            (Rounding.halfUp, [0, -1, 0, -1, 0, -1, 0, -1, 0, -1]),
        ] as [(Rounding, [Int64])])
    func tenRefundsOfTheCumulativeTargetClawBackExactlyTheCommission(rounding: Rounding, entries: [Int64]) throws {
        let rate = Rate(partsPerMillion: 50_000)
        let targets = try (0...10).map { try rate.of(minorUnits: 100 - Int64($0) * 10, rounding: rounding) }
        #expect(targets[0] == 5)
        #expect(zip(targets.dropFirst(), targets).map { $0 - $1 } == entries)
        #expect(entries.reduce(0, +) == -5)
    }

    @Test func scalingIsExactBeyondSixtyFourBitsInBetween() {
        #expect(scaled(.max, numerator: .max, denominator: .max, rounding: .halfEven) == .max)
        #expect(scaled(.min, numerator: 1_000_000, denominator: 1_000_000, rounding: .halfUp) == .min)
        #expect(scaled(.max, numerator: 1, denominator: 2, rounding: .halfEven) == 4_611_686_018_427_387_904)
        #expect(scaled(7, numerator: -1, denominator: 2, rounding: .halfUp) == -4)
        #expect(scaledIfRepresentable(.max, numerator: 2, denominator: 1, rounding: .halfEven) == nil)
        #expect(scaledIfRepresentable(.min, numerator: -1, denominator: 1, rounding: .halfEven) == nil)
        #expect(throws: MoneyError.overflow) {
            try Rate(partsPerMillion: 2_000_000).of(minorUnits: .max, rounding: .halfEven)
        }
    }

    @Test func roundingIsOffByAtMostHalfAUnitAndSymmetric() {
        var random = SeededGenerator(seed: SeededGenerator.seedOfThisRun)
        for _ in 0..<20_000 {
            let value = Int64.random(in: -1_000_000_000...1_000_000_000, using: &random)
            let numerator = Int64.random(in: 0...2_000_000, using: &random)
            let denominator = Int64.random(in: 1...2_000_000, using: &random)
            for rounding in Rounding.allCases {
                let result = scaled(value, numerator: numerator, denominator: denominator, rounding: rounding)
                let error = value * numerator - result * denominator
                #expect(abs(error) * 2 <= denominator, "seed \(SeededGenerator.seedOfThisRun)")
                #expect(
                    scaled(-value, numerator: numerator, denominator: denominator, rounding: rounding) == -result,
                    "seed \(SeededGenerator.seedOfThisRun)")
            }
        }
    }

    @Test func amountsAreWrittenWithAllDecimalsOfTheirCurrency() {
        #expect(Money(minorUnits: 10_000, currency: usd).amount == "100.00")
        #expect(Money(minorUnits: 100_000, currency: krw).amount == "100000")
        #expect(Money(minorUnits: 12_345, currency: kwd).amount == "12.345")
        #expect(Money(minorUnits: 5, currency: usd).amount == "0.05")
        #expect(Money(minorUnits: -5, currency: kwd).amount == "-0.005")
        #expect(Money(minorUnits: 0, currency: usd).amount == "0.00")
        #expect(Money(minorUnits: .min, currency: usd).amount == "-92233720368547758.08")
        #expect(Money(minorUnits: -1050, currency: usd).description == "-10.50 USD")
    }

    @Test func sumsAreCheckedForOverflowAndCurrency() throws {
        let one = Money(minorUnits: 1, currency: usd)
        #expect(try one.adding(one).minorUnits == 2)
        #expect(try one.subtracting(Money(minorUnits: 3, currency: usd)).minorUnits == -2)
        #expect(throws: MoneyError.overflow) { try Money(minorUnits: .max, currency: usd).adding(one) }
        #expect(throws: MoneyError.overflow) { try Money(minorUnits: .min, currency: usd).subtracting(one) }
        #expect(throws: MoneyError.currencyMismatch(usd, krw)) {
            try one.adding(Money(minorUnits: 1, currency: krw))
        }
    }

    @Test func percentIsReadAndWrittenExactly() throws {
        #expect(try Rate(percent: #require(ExactDecimal("7.125"))).partsPerMillion == 71_250)
        #expect(try Rate(percent: #require(ExactDecimal("5.0"))) == Rate(partsPerMillion: 50_000))
        #expect(Rate(partsPerMillion: 71_250).percent == "7.125")
        #expect(Rate(partsPerMillion: 1_000_000).percent == "100")
        #expect(Rate(partsPerMillion: 1).description == "0.0001 %")
        #expect(throws: AmountError.tooManyDecimals) { try Rate(percent: #require(ExactDecimal("0.00001"))) }
    }
}

@Suite struct LargestRemainderTests {
    @Test(
        arguments: [
            (100, [1, 1, 1], [34, 33, 33]),
            (101, [40, 10, 10, 40], [41, 10, 10, 40]),
            (1000, [4, 2, 1], [571, 286, 143]),  // time decay, half-life 7 days, ages 0, 7 and 14
            (-100, [1, 1, 1], [-34, -33, -33]),
            (0, [3, 4], [0, 0]), (5, [0, 1, 0], [0, 5, 0]), (5, [0, 0], [3, 2]), (5, [], []),
            (
                .max, [.max, .max, .max],
                [3_074_457_345_618_258_603, 3_074_457_345_618_258_602, 3_074_457_345_618_258_602]
            ),
            (.min, [1], [.min]),
        ] as [(Int64, [Int64], [Int64])])
    func unitsLeftOverGoToTheLargestRemaindersAndThenToTheLowerIndex(total: Int64, weights: [Int64], parts: [Int64]) {
        #expect(largestRemainder(total: total, weights: weights) == parts)
    }

    @Test func partsSumToTheWholeAndAreWithinOneUnitOfTheirShare() {
        var random = SeededGenerator(seed: SeededGenerator.seedOfThisRun)
        for _ in 0..<5000 {
            let total = Int64.random(in: -1_000_000...1_000_000, using: &random)
            let weights = (0..<Int.random(in: 1...8, using: &random)).map { _ in
                Int64.random(in: 0...1000, using: &random)
            }
            let parts = largestRemainder(total: total, weights: weights)
            #expect(parts.reduce(0, +) == total, "seed \(SeededGenerator.seedOfThisRun)")
            let sum = weights.reduce(0, +)
            for (part, weight) in zip(parts, weights) where sum > 0 {
                #expect(abs(part * sum - total * weight) < sum, "seed \(SeededGenerator.seedOfThisRun)")
            }
        }
    }
}

@Suite struct CurrencyTests {
    @Test(arguments: [
        ("KRW", 0), ("JPY", 0), ("VND", 0), ("ISK", 0), ("USD", 2), ("EUR", 2), ("MRU", 2), ("HUF", 2), ("ZWG", 2),
        ("KWD", 3), ("TND", 3), ("IQD", 3), ("CLF", 4), ("UYW", 4),
    ])
    func exponentsAreThoseOfISO4217(code: String, exponent: Int) throws {
        let currency = try #require(Currency.named(code))
        #expect(currency.code == code)
        #expect(currency.exponent == exponent)
        #expect(currency.minorUnitsInMajor == [1, 10, 100, 1000, 10_000][exponent])
    }

    @Test(arguments: ["usd", "US", "USDX", "", "XXX", "XAU", "XDR", "QQQ", "US\u{0}", "ＵＳＤ", "[AB", "@@@"])
    func whatIsNoCurrencyHasNone(code: String) { #expect(Currency.named(code) == nil) }

    /// Counted from Debian's iso-codes: 168 with a minor unit, and the three that came after that list.
    @Test func theTableHoldsEachCurrencyOnce() {
        let codes = Currency.allCodes
        #expect(codes.count == 171)
        #expect(Set(codes).count == codes.count)
        #expect(codes.allSatisfy { Currency.named($0) != nil })
    }
}

@Suite struct ExactDecimalTests {
    @Test(
        arguments: [
            ("100.00", "USD", 10_000), ("100", "USD", 10_000), ("100.5", "USD", 10_050), ("0.01", "USD", 1),
            ("10000.00", "KRW", 10_000), ("10000.000000", "KRW", 10_000), ("12.345", "KWD", 12_345),
            ("12.3450", "KWD", 12_345), ("-5.00", "USD", -500), ("-0", "KRW", 0), ("-0.00", "USD", 0), ("0", "USD", 0),
            ("0.0", "KRW", 0), ("9223372036854775807", "KRW", .max), ("-9223372036854775808", "KRW", .min),
            ("92233720368547758.07", "USD", .max), ("1000000000000000000.00", "KRW", 1_000_000_000_000_000_000),
        ] as [(String, String, Int64)])
    func amountsAreReadExactly(token: String, code: String, minorUnits: Int64) throws {
        let currency = try #require(Currency.named(code))
        #expect(try Money(ExactDecimal(parsing: token), currency: currency).minorUnits == minorUnits)
    }

    @Test(
        arguments: [
            ("", .malformed), ("-", .malformed), (".5", .malformed), ("5.", .malformed), ("+5", .malformed),
            ("007", .malformed), ("00", .malformed), ("1.2.3", .malformed), ("1,000", .malformed), (" 1", .malformed),
            ("1 ", .malformed), ("--1", .malformed), ("abc", .malformed), ("NaN", .malformed), ("0x10", .malformed),
            ("١٢", .malformed), ("1e3", .exponent), ("1E3", .exponent), ("1.5e-3", .exponent),
            ("12345678901234567890", .tooManyDigits), ("1.2345678901234567890123", .tooManyDigits),
            ("0." + String(repeating: "0", count: 70), .tooManyDigits),
        ] as [(String, AmountError)])
    func whatIsNoPlainDecimalIsRefusedWithItsReason(token: String, reason: AmountError) {
        #expect(throws: reason) { try ExactDecimal(parsing: token) }
        #expect(ExactDecimal(token) == nil)
    }

    @Test(
        arguments: [
            ("10000.01", "KRW", .tooManyDecimals), ("0.001", "USD", .tooManyDecimals),
            ("1.2345", "KWD", .tooManyDecimals),
            ("9223372036854775808", "KRW", .outOfRange), ("-9223372036854775809", "KRW", .outOfRange),
            ("9999999999999999999", "USD", .outOfRange), ("92233720368547758.08", "USD", .outOfRange),
        ] as [(String, String, AmountError)])
    func whatTheCurrencyCannotHoldIsRefusedNotRounded(token: String, code: String, reason: AmountError) throws {
        let currency = try #require(Currency.named(code))
        #expect(throws: reason) { try ExactDecimal(parsing: token).minorUnits(in: currency) }
    }

    @Test func everyAmountSurvivesBeingWrittenAndReadAgain() throws {
        var random = SeededGenerator(seed: SeededGenerator.seedOfThisRun)
        for code in Currency.allCodes {
            let currency = try #require(Currency.named(code))
            for _ in 0..<50 {
                let minorUnits =
                    Int64.random(in: .min ... .max, using: &random) >> Int64.random(in: 0...60, using: &random)
                let money = Money(minorUnits: minorUnits, currency: currency)
                #expect(
                    try Money(ExactDecimal(parsing: money.amount), currency: currency) == money,
                    "seed \(SeededGenerator.seedOfThisRun)")
            }
        }
    }

    @Test func itIsWrittenWithoutMeaninglessZeros() throws {
        #expect(try #require(ExactDecimal("-0.0500")).description == "-0.05")
        #expect(try #require(ExactDecimal("120")).description == "120")
        #expect(ExactDecimal("1.0") == ExactDecimal("1"))
    }
}
