package import Core

extension Schedule {
    /// Leap days come at most eight years apart, as around 2100.
    private static let searchDaysMax = 366 * 9

    /// The first slot after `instant`; `nil` only when none comes in nine years, because its times are skipped.
    package func nextSlot(after instant: EpochMilliseconds) -> Slot? {
        switch recurrence {
        case .every(let interval): slot(at: interval.next(after: instant))
        case .cron(let cron): nextSlot(of: cron, after: instant)
        }
    }

    /// The newest slots after `start` and up to `end`, at most `limit` of them, in order.
    package func slots(after start: EpochMilliseconds, through end: EpochMilliseconds, limit: Int) -> [Slot] {
        guard start < end, limit > 0 else { return [] }
        switch recurrence {
        case .every(let interval): return interval.slots(after: start, through: end, limit: limit).map(slot(at:))
        case .cron(let cron): return slots(of: cron, after: start, through: end, limit: limit)
        }
    }

    /// The slots that are to fire at `clock`, when the last that fired was `last`: what ``missed`` leaves of those between them.
    package func dueSlots(after last: EpochMilliseconds, at clock: EpochMilliseconds) -> [Slot] {
        switch missed {
        case .skip: slots(after: max(last, clock - Self.lateness), through: clock, limit: missedMax)
        case .once: slots(after: last, through: clock, limit: 1)
        case .all: slots(after: last, through: clock, limit: missedMax)
        }
    }

    /// The slot of an instant, for the day that the zone's calendars show then.
    package func slot(at instant: EpochMilliseconds) -> Slot { Slot(instant: instant, date: localDate(of: instant)) }

    // MARK: Cron

    private func nextSlot(of cron: CronExpression, after instant: EpochMilliseconds) -> Slot? {
        var date = localDate(of: instant).adding(days: -1)
        var slotsOfDate = slots(of: cron, on: date)
        for _ in 0..<Self.searchDaysMax {
            // With clocks set back over midnight, a day's last slots may follow the first ones of the next.
            let slotsOfNext = slots(of: cron, on: date.adding(days: 1))
            let found = Self.merged([slotsOfDate, slotsOfNext]).first { $0.instant > instant }
            if let found { return found }
            date = date.adding(days: 1)
            slotsOfDate = slotsOfNext
        }
        return nil
    }

    private func slots(
        of cron: CronExpression, after start: EpochMilliseconds, through end: EpochMilliseconds, limit: Int
    ) -> [Slot] {
        let first = localDate(of: start).adding(days: -1)
        var days: [[Slot]] = []
        var count = 0
        var date = localDate(of: end).adding(days: 1)
        // The days at either end may hold slots out of the range, and a day more settles who owns a shared instant.
        var daysLeft: Int?
        while date >= first, daysLeft != 0 {
            let found = slots(of: cron, on: date)
            days.append(found)
            count += found.count { $0.instant > start && $0.instant <= end }
            daysLeft = daysLeft.map { $0 - 1 } ?? (count >= limit ? 2 : nil)
            date = date.adding(days: -1)
        }
        return Array(Self.merged(days).filter { $0.instant > start && $0.instant <= end }.suffix(limit))
    }

    /// The slots that are for `date`, in order.
    func slots(of cron: CronExpression, on date: CivilDate) -> [Slot] {
        guard cron.includes(date) else { return [] }
        let midnight = Int64(date.daysSinceEpoch) * 86_400
        let minutes = cron.minutesOfDay
        // On most days no clock is set: all times of such a day have one offset.
        let walls = zone.walls(midnight...(midnight + 86_400))
        if let offset = walls.offset {
            return minutes.map { minute in
                let second = midnight + Int64(minute) * 60 - Int64(offset)
                return Slot(instant: EpochMilliseconds(rawValue: second * 1000), date: date)
            }
        }
        var instants: [Int64] = []
        for minute in minutes {
            switch walls.moment(ofWall: midnight + Int64(minute) * 60) {
            case .once(let instant): instants.append(instant)
            case .twice(let first, let second): instants += overlap == .both ? [first, second] : [first]
            case .never(let next):
                // Before the change the wall showed this day, or another day that was left out whole.
                let dayExists =
                    localDate(ofSecond: next) == date || localDate(ofSecond: next - 1) == date
                if gap == .next, dayExists { instants.append(next) }
            }
        }
        return Set(instants).sorted().map { Slot(instant: EpochMilliseconds(rawValue: $0 * 1000), date: date) }
    }

    /// The slots of several days in order. Of two for one instant the earlier day's is the slot.
    private static func merged(_ days: [[Slot]]) -> [Slot] {
        let days = days.filter { !$0.isEmpty }.sorted { $0[0] < $1[0] }
        // Only where clocks are set about midnight does a day reach into the next.
        let areApart = zip(days, days.dropFirst()).allSatisfy { $0[$0.count - 1].instant < $1[0].instant }
        if areApart { return Array(days.joined()) }
        var found: [Slot] = []
        for slot in days.joined().sorted() where found.last?.instant != slot.instant { found.append(slot) }
        return found
    }

    /// The day that the zone's calendars show.
    package func localDate(of instant: EpochMilliseconds) -> CivilDate {
        localDate(ofSecond: instant.rawValue.flooredQuotient(by: 1000))
    }

    private func localDate(ofSecond second: Int64) -> CivilDate {
        CivilDate(utc: EpochMilliseconds(rawValue: (second + Int64(zone.offset(at: second))) * 1000))
    }
}
