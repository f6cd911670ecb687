/// What the ledger says of one commission: sums of its entries, minor units of its currency.
struct CommissionBalance: Hashable {
    /// Everything that came from the programme, less what went back.
    var earned: Int64 = 0
    var pending: Int64 = 0
    var confirmed: Int64 = 0
    var paid: Int64 = 0
}
