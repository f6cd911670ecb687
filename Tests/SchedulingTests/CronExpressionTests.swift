import Core
import Testing

@testable import Scheduling

struct CronExpressionTests {
    /// Minutes of the day and the days of January and February 2025 (1 January was a Wednesday).
    @Test(arguments: [
        ("0 2 * * *", [120], Array(1...59)),
        ("*/20 1-2 1 * *", [60, 80, 100, 120, 140, 160], [1, 32]),
        ("5,10-12 0 * jan *", [5, 10, 11, 12], Array(1...31)),
        ("10-20/5 0 * FEB *", [10, 15, 20], Array(32...59)),
        ("0 0 * 1 MON", [0], [6, 13, 20, 27]),
        ("0 0 * 1 7", [0], [5, 12, 19, 26]),
        ("0 0 * 1 0", [0], [5, 12, 19, 26]),
        ("0 0 * 1 fri-sun", [0], [3, 4, 5, 10, 11, 12, 17, 18, 19, 24, 25, 26, 31]),
        ("0 0 * 1 5-7/2", [0], [3, 5, 10, 12, 17, 19, 24, 26, 31]),
        // Both day fields restricted: either counts.
        ("0 0 13 1 MON", [0], [6, 13, 20, 27]),
        ("0 0 14 1 MON", [0], [6, 13, 14, 20, 27]),
        // A field that begins with * is not a restriction: both must hold.
        ("0 0 */2 1 MON", [0], [13, 27]),
        ("0 0 31 1,2 *", [0], [31]),
        ("0\t0  1-7  2  *", [0], Array(32...38)),
    ])
    func `reads lists, ranges, steps and names`(text: String, minutes: [Int], days: [Int]) throws {
        let cron = try CronExpression(text)
        let newYear = try #require(CivilDate("2025-01-01"))
        #expect(cron.minutesOfDay == minutes)
        #expect((1...59).filter { cron.includes(newYear.adding(days: $0 - 1)) } == days)
        #expect(cron.description == text)
    }

    @Test(
        arguments: [
            ("* * * *", nil, "five fields are needed, not 4"),
            ("", nil, "five fields are needed, not 0"),
            ("0 0 0 * * *", nil, "five fields are needed, not 6"),
            ("60 * * * *", .minute, "60 is not within 0-59"),
            ("-1 * * * *", .minute, "'' is no value"),
            ("+1 * * * *", .minute, "'+1' is no value"),
            ("1, * * * *", .minute, "'' is no value"),
            ("5/15 * * * *", .minute, "a step needs * or a range, as in 5-59/2"),
            ("*/0 * * * *", .minute, "'0' is no step"),
            ("*/x * * * *", .minute, "'x' is no step"),
            ("*/2/2 * * * *", .minute, "'2/2' is no step"),
            ("**  * * * *", .minute, "'**' is no value"),
            ("0 24 * * *", .hour, "24 is not within 0-23"),
            ("0 5-2 * * *", .hour, "the range 5-2 runs backwards"),
            ("0 1-2-3 * * *", .hour, "'1-2-3' is no range"),
            ("0 0 0 * *", .dayOfMonth, "0 is not within 1-31"),
            ("0 0 30 2 *", .dayOfMonth, "none of the months has such a day"),
            ("0 0 31 4,6,9,11 *", .dayOfMonth, "none of the months has such a day"),
            ("0 0 * 13 *", .month, "13 is not within 1-12"),
            ("0 0 * mon *", .month, "'mon' is no value"),
            ("0 0 * * 8", .dayOfWeek, "8 is not within 0-7"),
            ("0 0 * * jan", .dayOfWeek, "'jan' is no value"),
            ("0 99999999999999999999 * * *", .hour, "'99999999999999999999' is no value"),
        ] as [(String, CronField?, String)])
    func `says which field is wrong, and how`(text: String, field: CronField?, reason: String) {
        #expect(throws: CronExpression.Invalid(field: field, reason: reason)) { try CronExpression(text) }
    }

    @Test func `the 29th of February is a day`() throws {
        let cron = try CronExpression("0 0 29 feb *")
        #expect(cron.includes(try #require(CivilDate("2028-02-29"))))
    }
}
