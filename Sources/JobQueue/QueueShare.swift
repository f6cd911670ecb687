/// What a process has of the limits of a queue as a whole, between two answers of `operations/share.lua`. Pure.
///
/// Places are lent: those it has it may use again and again until it gives them back. Starts are used up: each is good for
/// one job, and what is left over goes back with the next call.
struct QueueShare {
    /// Whether jobs may be leased.
    enum Allowance: Equatable {
        /// Up to that many.
        case free(Int)
        /// Nobody knows before the script is asked.
        case ask
        /// Not before that moment of the monotonic clock, unless an answer says otherwise.
        case wait(until: Int64)
    }

    /// What the script answers.
    struct Answer: Equatable {
        var isLimited = true
        /// `nil` for any number.
        var places: Int?
        var recorded = 0
        /// Whether starts are limited.
        var starts: Int?
        var stamp = ""
        var timeMicroseconds: Int64 = 0
        /// Until the starts count, or until to ask again when there are none.
        var startsWait: Int64 = 0
        /// Until places are given anew.
        var holdWait: Int64 = 0
    }

    /// A lease that is on its way.
    struct Grant: Equatable {
        let count: Int
        let answer: Int
    }

    /// How long an answer is good for places: a process that stood still must ask before it leases again.
    private let validMilliseconds: Int64
    private let leaseMilliseconds: Int64
    /// How long a process that was refused places waits to be told before it asks again; also when it says anew what it has.
    let renewalMilliseconds: Int64

    private(set) var isLimited = false
    private(set) var isAsking = false
    /// Jobs that whoever leases would take; 0 when there is nothing to take, or nobody to take it.
    var demand = 0
    private var answer = Answer(isLimited: false)
    private var answerNumber = 0
    private var answeredAt: Int64?
    /// The run of Redis that answered.
    private var runID: String?
    private var starts = 0
    private var startsAt: Int64 = 0
    private var unusedStarts = 0
    private var askAgainAt: Int64 = 0
    private var underWay = 0
    /// Jobs of leases of which no answer came: they may be there until then.
    private var doubts: [(count: Int, until: Int64)] = []

    init(leaseMilliseconds: Int64) {
        self.leaseMilliseconds = leaseMilliseconds
        validMilliseconds = leaseMilliseconds / 2
        renewalMilliseconds = max(1, min(1000, leaseMilliseconds / 3))
    }

    /// Whether it has something that Redis counts for it.
    var hasPlaces: Bool { isLimited && answer.recorded > 0 }

    /// Places in use: what is held, what is on its way, and what may be.
    func out(held: Int, now: Int64) -> Int {
        held + underWay + doubts.reduce(0) { now < $1.until ? $0 + $1.count : $0 }
    }

    /// Takes in what a look said. True when there is something new.
    mutating func noteLook(isLimited: Bool) -> Bool {
        // An answer that was asked for later knows better.
        guard isLimited != self.isLimited, !isAsking else { return false }
        self.isLimited = isLimited
        answeredAt = nil
        askAgainAt = 0
        return true
    }

    /// Whether up to `wanted` jobs may be leased.
    func allow(_ wanted: Int, held: Int, runID: String?, now: Int64) -> Allowance {
        guard isLimited else { return .free(wanted) }
        if isAsking { return .wait(until: .max) }
        guard let answeredAt, now - answeredAt <= validMilliseconds, runID == self.runID else {
            return now >= askAgainAt ? .ask : .wait(until: askAgainAt)
        }
        var free = wanted
        if let places = answer.places {
            free = min(free, places - out(held: held, now: now))
            if free <= 0 { return now >= askAgainAt ? .ask : .wait(until: askAgainAt) }
        }
        guard answer.starts != nil else { return .free(free) }
        if starts == 0 { return now >= askAgainAt ? .ask : .wait(until: askAgainAt) }
        return now < startsAt ? .wait(until: startsAt) : .free(min(free, starts))
    }

    mutating func begin(_ count: Int) -> Grant {
        underWay += count
        if answer.starts != nil { starts = max(0, starts - count) }
        return Grant(count: count, answer: answerNumber)
    }

    /// - Parameters:
    ///   - got: jobs that the lease brought.
    ///   - inDoubt: jobs that Redis may have leased although no answer came.
    mutating func end(_ grant: Grant, got: Int, inDoubt: Int, now: Int64) {
        underWay -= grant.count
        doubts.removeAll { $0.until <= now }
        if inDoubt > 0, isLimited { doubts.append((inDoubt, now + leaseMilliseconds)) }
        if grant.answer == answerNumber, answer.starts != nil {
            unusedStarts += max(0, grant.count - got - inDoubt)
        }
    }

    /// Whether nobody has heard of this process for long.
    func isSilent(now: Int64) -> Bool {
        isLimited && !isAsking && now - (answeredAt ?? .min / 2) >= leaseMilliseconds / 4
    }

    /// Somebody says that places may be free. True when that was waited for.
    mutating func recall(now: Int64) -> Bool {
        guard isLimited, now >= startsAt, askAgainAt > now else { return false }
        askAgainAt = 0
        return true
    }

    /// What to tell the script.
    struct Question: Equatable {
        let held: Int
        let wanted: Int
        let starts: Int
        let back: Int
        let stamp: String
        let timeMicroseconds: Int64
    }

    mutating func question(held: Int, now: Int64) -> Question {
        isAsking = true
        let out = out(held: held, now: now)
        // What is left of starts goes back with those that a lease did not use; what is wanted is granted anew.
        let back = unusedStarts + starts
        unusedStarts = 0
        starts = 0
        return Question(
            held: out, wanted: out + demand, starts: demand, back: back, stamp: answer.stamp,
            timeMicroseconds: answer.timeMicroseconds)
    }

    mutating func take(_ answer: Answer, askedAt: Int64, now: Int64, held: Int, runID: String?) {
        isAsking = false
        isLimited = answer.isLimited
        self.answer = answer
        answerNumber += 1
        answeredAt = askedAt
        self.runID = runID
        unusedStarts = 0
        starts = answer.starts ?? 0
        let startsWait = (answer.startsWait + 999) / 1000
        startsAt = now + startsWait
        askAgainAt = 0
        if let places = answer.places, places <= out(held: held, now: now) {
            askAgainAt = now + (answer.holdWait > 0 ? answer.holdWait : renewalMilliseconds)
        } else if answer.starts == 0, demand > 0 {
            askAgainAt = now + max(1, startsWait)
        }
    }

    /// Nothing came: the places it has are its own still, but it may not lease before it knows.
    mutating func fail(now: Int64, wait: Int64) {
        isAsking = false
        answeredAt = nil
        askAgainAt = now + wait
    }

    /// Whether it has what others may want: places it has no use for, or is to give up, or starts nobody takes.
    func hasToGiveBack(held: Int, now: Int64) -> Bool {
        guard isLimited, !isAsking else { return false }
        let out = out(held: held, now: now)
        if demand == 0, unusedStarts + starts > 0 { return true }
        return answer.recorded > max(out, min(out + demand, answer.places ?? 0))
    }
}
