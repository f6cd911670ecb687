/// How a fraction of a minor unit becomes a whole one. It happens once for each computed amount.
package enum Rounding: String, CaseIterable, Hashable, Sendable {
    /// To the nearest, a half to the even neighbour. The default.
    case halfEven
    /// To the nearest, a half away from zero.
    case halfUp
}

/// `value` × `numerator` ÷ `denominator`, computed exactly in 128 bits and rounded once.
///
/// `denominator` > 0. The result has to fit in 64 bits, which it does whenever |numerator| <= denominator;
/// where outside numbers could break that, use ``scaledIfRepresentable(_:numerator:denominator:rounding:)``.
package func scaled(_ value: Int64, numerator: Int64, denominator: Int64, rounding: Rounding) -> Int64 {
    guard
        let result = scaledIfRepresentable(
            value, numerator: numerator, denominator: denominator, rounding: rounding)
    else { preconditionFailure("a scaled amount leaves 64 bits") }
    return result
}

/// ``scaled(_:numerator:denominator:rounding:)`` that answers `nil` when the result does not fit in 64 bits.
package func scaledIfRepresentable(
    _ value: Int64, numerator: Int64, denominator: Int64, rounding: Rounding
) -> Int64? {
    precondition(denominator > 0, "an amount is divided by a positive number")
    let product = Int128(value) * Int128(numerator)
    let (quotient, remainder) = product.quotientAndRemainder(dividingBy: Int128(denominator))
    let twice = remainder.magnitude * 2
    let half = UInt128(denominator)
    let awayFromZero =
        switch rounding {
        case .halfUp: twice >= half
        case .halfEven: twice > half || (twice == half && !quotient.isMultiple(of: 2))
        }
    return Int64(exactly: awayFromZero ? quotient + product.signum() : quotient)
}

/// Splits `total` in proportion to `weights` so that the parts sum to it exactly.
///
/// Each part is its share cut to a whole unit; the units left over go one each to the largest remainders, of equal
/// ones to the lower index. Weights are >= 0; when all are 0 they count as equal. A negative total is split
/// like the positive one. No weights, no parts.
package func largestRemainder(total: Int64, weights: [Int64]) -> [Int64] {
    precondition(weights.allSatisfy { $0 >= 0 }, "a weight is not negative")
    guard !weights.isEmpty else { return [] }
    let sum = weights.reduce(Int128(0)) { $0 + Int128($1) }
    guard sum > 0 else { return largestRemainder(total: total, weights: weights.map { _ in 1 }) }
    let magnitude = Int128(total.magnitude)
    var parts: [Int128] = []
    var remainders: [Int128] = []
    for weight in weights {
        let (part, remainder) = (magnitude * Int128(weight)).quotientAndRemainder(dividingBy: sum)
        parts.append(part)
        remainders.append(remainder)
    }
    let left = Int(magnitude - parts.reduce(0, +))
    let order = weights.indices.sorted { (remainders[$0], $1) > (remainders[$1], $0) }
    for index in order.prefix(left) { parts[index] += 1 }
    return parts.map { Int64(total < 0 ? -$0 : $0) }
}
