/// Where a job is; it is in exactly one of these, ``live`` standing for either of two.
///
/// `scheduled -> ready -> leased -> completed`; from `leased` also back to `scheduled` (retry, snooze) or `ready` (given
/// back, reaped), or on to `dead` or `quarantined`, from where a redrive leads to `ready` or `scheduled` and a deletion to
/// `cancelled`; a job whose deadline has passed when it comes to be leased ends `expired`. Completed, cancelled and expired
/// jobs are known only where the queue remembers them.
package enum JobState: String, CaseIterable, Hashable, Sendable {
    case scheduled
    case ready
    case leased
    /// Ready or leased: what an enqueue says, which does not look where.
    case live
    case completed
    case dead
    case quarantined
    case cancelled
    case expired

    /// The scripts' letter for a state; capital letters are the caller's business.
    init?(letter: UInt8) {
        switch letter {
        case UInt8(ascii: "s"): self = .scheduled
        case UInt8(ascii: "r"): self = .ready
        case UInt8(ascii: "f"): self = .leased
        case UInt8(ascii: "l"): self = .live
        case UInt8(ascii: "c"): self = .completed
        case UInt8(ascii: "d"): self = .dead
        case UInt8(ascii: "q"): self = .quarantined
        case UInt8(ascii: "x"): self = .cancelled
        case UInt8(ascii: "e"): self = .expired
        default: return nil
        }
    }
}
