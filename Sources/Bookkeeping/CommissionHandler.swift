import Core
package import EventLoop
package import Fleet
package import JobQueue
package import Ledger

/// The commission worker's work: brings the money of orders to their facts, and forwards what partners are owed.
@Loop
package final class CommissionHandler: JobHandler {
    package let kinds: Set<String>? = [NewJob.pricingKind]

    private let book: OrderBook

    package init(book: OrderBook) { self.book = book }

    package func handle(_ batch: [LeasedJob]) async throws -> [JobOutcome] {
        var outcomes = [JobOutcome](repeating: .completed(), count: batch.count)
        var orders: [UUID] = []
        var firstValid: Int?
        for (index, job) in batch.enumerated() {
            guard let order = payloadID(job.payload, "order") else {
                outcomes[index] = .dead(reason: "malformed payload: an order's uuid is required")
                continue
            }
            orders.append(order)
            firstValid = firstValid ?? index
        }
        guard let firstValid else { return outcomes }
        let pricing = try await book.price(orders)
        outcomes[firstValid].forward(pricing.owedDeliveries.map(NewJob.delivery))
        return outcomes
    }
}
