import Core

/// The coarser precision of two instants: shops send whole seconds, so an instant on a whole second is read as one, and
/// the other is cut to it.
private func coarsened(_ left: EpochMilliseconds, _ right: EpochMilliseconds) -> (left: Int64, right: Int64) {
    func seconds(_ milliseconds: Int64) -> Int64 {
        let remainder = milliseconds % 1000
        return milliseconds - (remainder < 0 ? remainder + 1000 : remainder)
    }
    guard left.rawValue.isMultiple(of: 1000) || right.rawValue.isMultiple(of: 1000) else {
        return (left.rawValue, right.rawValue)
    }
    return (seconds(left.rawValue), seconds(right.rawValue))
}

func isNotLater(_ left: EpochMilliseconds, than right: EpochMilliseconds) -> Bool {
    let (left, right) = coarsened(left, right)
    return left <= right
}

/// The milliseconds from `earlier` to `later` in the coarser precision of the two.
func coarseAge(from earlier: EpochMilliseconds, to later: EpochMilliseconds) -> Int64 {
    let (earlier, later) = coarsened(earlier, later)
    let (age, overflow) = later.subtractingReportingOverflow(earlier)
    return overflow ? (later > earlier ? .max : .min) : age
}
