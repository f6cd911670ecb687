/// One argument of a command. Integers go out as decimal text.
package enum RedisArgument: Hashable, Sendable {
    case string(String)
    case bytes([UInt8])
    case integer(Int64)
    /// The run id of the Redis that this call reaches, filled in when it is written: a call that is led on to another node
    /// carries that node's.
    case runID

    package init(_ value: some BinaryInteger) { self = .integer(Int64(value)) }
}

extension RedisArgument: ExpressibleByStringInterpolation {
    package init(stringLiteral value: String) { self = .string(value) }
}

extension RedisArgument: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: Int64) { self = .integer(value) }
}
