package import Core

/// The basis points of each touch, oldest first, under a model that shares; they sum to 10,000.
package func basisPoints(_ model: AttributionModel, times: [EpochMilliseconds], halfLife: Duration) -> [Int64] {
    guard !times.isEmpty else { return [] }
    let last = times.count - 1
    switch model {
    case .lastClick: return times.indices.map { $0 == last ? 10_000 : 0 }
    case .firstClick: return times.indices.map { $0 == 0 ? 10_000 : 0 }
    case .linear: return largestRemainder(total: 10_000, weights: times.map { _ in 1 })
    case .positionBased:
        switch times.count {
        case 1: return [10_000]
        case 2: return [5000, 5000]
        default:
            return [4000] + largestRemainder(total: 2000, weights: times.dropFirst(2).map { _ in 1 }) + [4000]
        }
    case .timeDecay:
        // Relative to the newest touch, whose weight is 1: the proportions are the same and none vanishes for all.
        guard let newest = times.max() else { return [] }
        return largestRemainder(
            total: 10_000,
            weights: times.map { decayWeight(age: newest.since($0), halfLife: halfLife) })
    }
}

/// 2^(−age ÷ half-life) as an integer of 2^40-ths, computed without floating point so that each machine says the same.
///
/// The whole half-lives are a shift; the fraction is taken binary digit by digit, 44 of them, each multiplying by
/// 2^(−1/2), 2^(−1/4), ... in 62 bits. The result is exact to one unit.
package func decayWeight(age: Duration, halfLife: Duration) -> Int64 {
    let unit = max(halfLife.milliseconds, 1)
    let (whole, rest) = max(age.milliseconds, 0).quotientAndRemainder(dividingBy: unit)
    guard whole < 41 else { return 0 }
    var weight = Int128(1) << 62
    var remainder = Int128(rest)
    for root in rootsOfHalf {
        remainder *= 2
        guard remainder >= Int128(unit) else { continue }
        remainder -= Int128(unit)
        weight = (weight * root) >> 62
    }
    return Int64(weight >> (22 + whole))
}

/// 2^(−1/2), 2^(−1/4), ... 2^(−1/2^44) as integers of 2^62-ths: each is the square root of the one before.
private let rootsOfHalf: [Int128] = {
    var roots: [Int128] = []
    var value = Int128(1) << 61
    for _ in 0..<44 {
        value = squareRoot(value << 62)
        roots.append(value)
    }
    return roots
}()

/// The largest integer whose square is not above `value`, by Newton's method from above.
private func squareRoot(_ value: Int128) -> Int128 {
    var guess = Int128(1) << 63
    while true {
        let next = (guess + value / guess) / 2
        if next >= guess { return guess }
        guess = next
    }
}
