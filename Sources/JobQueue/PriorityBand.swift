/// How early a ready job is leased: urgent before high before normal before low, with a share for each.
///
/// Of 15 leases of a shard 8 begin with urgent jobs, 4 with high ones, 2 with normal ones and 1 with low ones; what room is
/// left in a batch is filled by rank. So none starves the others. The raw value stands in records and must not change.
package enum PriorityBand: UInt8, CaseIterable, Hashable, Sendable {
    case urgent = 1
    case high = 2
    /// The default, which costs nothing.
    case normal = 0
    case low = 3

    /// Its bits in the flags of a record.
    var flags: UInt8 { rawValue << 4 }

    /// From the flags of a record.
    init(flags: UInt8) {
        switch flags >> 4 & 3 {
        case 1: self = .urgent
        case 2: self = .high
        case 3: self = .low
        default: self = .normal
        }
    }
}
