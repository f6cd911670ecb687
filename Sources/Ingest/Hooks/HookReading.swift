/// What a hook's payload was found to say.
struct HookReading {
    /// Refunds that came without their order.
    struct LooseRefunds: Hashable {
        let orderID: String
        let refunds: [ShopOrder.DatedRefund]
    }

    var orders: [ShopOrder] = []
    var refunds: [LooseRefunds] = []
    /// Parts that cannot be used.
    var problems: [HookProblem] = []
}
