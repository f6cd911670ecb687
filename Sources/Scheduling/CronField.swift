/// One of the five fields of a ``CronExpression``.
package enum CronField: String, CaseIterable, Sendable {
    case minute
    case hour
    case dayOfMonth = "day of month"
    case month
    case dayOfWeek = "day of week"

    /// The values a field may hold; 7 is Sunday again.
    var range: ClosedRange<Int> {
        switch self {
        case .minute: 0...59
        case .hour: 0...23
        case .dayOfMonth: 1...31
        case .month: 1...12
        case .dayOfWeek: 0...7
        }
    }

    /// Three letters each, in the order of their values.
    private var names: [String] {
        switch self {
        case .month: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
        case .dayOfWeek: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
        default: []
        }
    }

    /// A number or, for months and days of the week, an English name of three letters in any case.
    func value(_ text: Substring) throws(CronExpression.Invalid) -> Int {
        if let index = names.firstIndex(of: text.lowercased()) { return index + (self == .month ? 1 : 0) }
        guard !text.isEmpty, text.utf8.count <= 4, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int(text)
        else { throw CronExpression.Invalid(field: self, reason: "'\(text)' is no value") }
        guard range.contains(number) else {
            throw CronExpression.Invalid(
                field: self, reason: "\(number) is not within \(range.lowerBound)-\(range.upperBound)")
        }
        return number
    }

    /// Reads a list of `*`, values and ranges, each of the last two with an optional step; answers a bit for each value.
    func values(_ text: Substring) throws(CronExpression.Invalid) -> UInt64 {
        var bits: UInt64 = 0
        for part in text.split(separator: ",", omittingEmptySubsequences: false) { bits |= try partValues(part) }
        if self == .dayOfWeek, bits & (1 << 7) != 0 { bits = bits & ~(1 << 7) | 1 }
        return bits
    }

    private func partValues(_ part: Substring) throws(CronExpression.Invalid) -> UInt64 {
        let pieces = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let (base, step) = (pieces[0], pieces.count == 2 ? try stepValue(pieces[1]) : nil)
        var span = range
        if base != "*" {
            let ends = base.split(separator: "-", omittingEmptySubsequences: false)
            guard ends.count <= 2 else { throw CronExpression.Invalid(field: self, reason: "'\(base)' is no range") }
            let first = try value(ends[0])
            guard ends.count == 2 else {
                guard step == nil else {
                    throw CronExpression.Invalid(
                        field: self, reason: "a step needs * or a range, as in \(first)-\(range.upperBound)/2")
                }
                return 1 << UInt64(first)
            }
            var last = try value(ends[1])
            // A week may end with Sunday: FRI-SUN.
            if self == .dayOfWeek, last == 0, first > 0 { last = 7 }
            guard first <= last else {
                throw CronExpression.Invalid(field: self, reason: "the range \(base) runs backwards")
            }
            span = first...last
        } else if self == .dayOfWeek {
            span = 0...6
        }
        return stride(from: span.lowerBound, through: span.upperBound, by: step ?? 1).reduce(0) {
            $0 | 1 << UInt64($1)
        }
    }

    private func stepValue(_ text: Substring) throws(CronExpression.Invalid) -> Int {
        guard text.utf8.count <= 2, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let step = Int(text), step > 0
        else { throw CronExpression.Invalid(field: self, reason: "'\(text)' is no step") }
        return step
    }
}
