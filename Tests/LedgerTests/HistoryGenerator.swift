import Core
import Ledger
import TestSupport

/// Lives of orders by chance, and the ways in which their events may arrive. All of it follows from the seed.
struct HistoryGenerator {
    private var random: SeededGenerator
    /// What occurred in the histories made so far, to show that none of it was missing.
    private(set) var seen: Set<String> = []

    static let policies = [
        TestPolicy(), TestPolicy(id: uuid(101), code: "BOOK", priority: 20, percent: 7, productID: "p-1"),
    ]

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    mutating func history(of order: String) throws -> [EventEnvelope] {
        var events: [EventEnvelope] = []
        if random.chance(80) {
            events.append(try created(order, version(1)))
        } else {
            seen.insert("never created")
        }
        for number in 0..<Int.random(in: 0...3, using: &random) {
            let time = orderTime + Int64.random(in: 1...120, using: &random) * hour
            events.append(try updated(order, version(Int64(number + 2)), at: time))
            seen.insert("updated")
        }
        for number in 0..<Int.random(in: 0...3, using: &random) {
            let amount = random.chance(15) ? 1_000_000 : Int64.random(in: 1...30_000, using: &random)
            let time = orderTime + Int64.random(in: 1...200, using: &random) * hour
            events.append(try refunded(order, amount, refund: "r-\(number)", at: time))
            seen.insert("refunded")
        }
        if random.chance(80) {
            events.append(try confirmed(order))
            if random.chance(20) { events.append(try confirmed(order, at: orderTime + 4 * day)) }
        } else {
            seen.insert("never confirmed")
        }
        if random.chance(20) {
            events.append(try cancelled(order))
            seen.insert("cancelled")
        }
        return events
    }

    private mutating func version(_ number: Int64) -> JSON {
        var members: [(String, JSON)] = []
        if random.chance(40) { members.append(("productId", random.chance(50) ? "p-1" : "p-2")) }
        if random.chance(10) { members.append(("customerId", "self-1")) }
        if random.chance(20) {
            members.append(("quantity", JSON(integer: Int64.random(in: 1...4, using: &random))))
        }
        var code: String? = "PARTNER00\(Int.random(in: 1...2, using: &random))"
        if random.chance(20) {
            code = nil
            seen.insert("without a code")
        } else if random.chance(6) {
            code = "NOBODY"
            seen.insert("unknown code")
        }
        var currency = "KRW"
        if random.chance(5) {
            currency = "JPY"
            seen.insert("another currency")
        }
        return content(
            Int64.random(in: 1...120_000, using: &random), version: number, currency: currency, code: code,
            adding: members)
    }

    /// All events twice, in any order, in batches of 1 to 8.
    mutating func batches(of events: [EventEnvelope]) -> [[EventEnvelope]] {
        var rest = (events + events).shuffled(using: &random)[...]
        var batches: [[EventEnvelope]] = []
        while !rest.isEmpty {
            let size = Int.random(in: 1...8, using: &random)
            batches.append(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        return batches
    }
}
