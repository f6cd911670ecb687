/// The limits of what a fact may say. They keep every sum of the kernel inside 64 bits.
package enum FactLimits {
    /// The largest amount, in minor units: 10^15.
    package static let amountMax: Int64 = 1_000_000_000_000_000
    package static let quantityMax: Int64 = 1_000_000_000
    /// Lines of an order, and of a refund.
    package static let linesMax = 1000
    /// Bytes of an identifier or a reason.
    package static let textBytesMax = 512
}

/// The sum of two amounts >= 0, held at the largest integer: refund facts are many and come from outside.
func saturatingSum(_ left: Int64, _ right: Int64) -> Int64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
}
