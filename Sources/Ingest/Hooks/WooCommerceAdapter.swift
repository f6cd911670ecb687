import Core

/// Reads what WooCommerce's webhooks send. Pure; which topic gives which fact stands in docs/ingest.md.
///
/// There is no topic for payments, cancellations and refunds: all of them are states of the order in `order.updated`.
enum WooCommerceAdapter {
    private static let orderTopics: Set<String> = ["order.created", "order.updated", "order.restored"]

    static func read(topic: String, _ json: JSON) -> HookReading {
        var reading = HookReading()
        do throws(HookProblem) {
            guard orderTopics.contains(topic) else { throw HookProblem("topic_not_used") }
            for order in json["orders"]?.array ?? [json["order"] ?? json] {
                reading.orders.append(try Self.order(ShopJSON(order), topic: topic))
            }
        } catch {
            reading.problems.append(error)
        }
        return reading
    }

    private static func order(_ json: ShopJSON, topic: String) throws(HookProblem) -> ShopOrder {
        let id = try json.requiredID("id")
        let currency = try json.currency()
        guard let createdAt = try json.instantGMT("date_created_gmt") else {
            throw HookProblem("missing_field", "date_created_gmt")
        }
        let updatedAt = try json.instantGMT("date_modified_gmt") ?? createdAt
        var order = ShopOrder(
            id: id, isCreation: topic == "order.created", createdAt: createdAt, updatedAt: updatedAt,
            fields: try fields(json, currency))
        readVisitor(json, into: &order)
        try readStatus(json, into: &order)
        for refund in json.objects("refunds") {
            do throws(HookProblem) {
                if let refund = try Self.refund(refund, currency, at: updatedAt) { order.refunds.append(refund) }
            } catch {
                order.problems.append(HookProblem(error.code, "refunds: \(error.detail)"))
            }
        }
        if json["status"]?.string == "refunded", order.refunds.isEmpty, order.problems.isEmpty {
            var refund = RefundFields(refundID: "status-refunded")
            refund.version = 0
            refund.amount = order.fields.orderAmount
            refund.currency = currency
            order.refunds = [ShopOrder.DatedRefund(refund: refund, at: updatedAt)]
        }
        return order
    }

    private static func fields(_ json: ShopJSON, _ currency: Currency) throws(HookProblem) -> OrderFields {
        var fields = OrderFields(
            currency: currency, orderAmount: max(0, try json.requiredAmount("total", in: currency)))
        let items = json.objects("line_items")
        var quantity: Int64 = 0
        var sum: Int64 = 0
        for item in items {
            let units = max(0, try item.quantity("quantity") ?? 1)
            quantity += units
            // A line's total is after discounts and always without tax.
            let net = max(0, try rounded(item, "total", currency) ?? 0)
            sum = try ShopJSON.sum(sum, net)
            fields.lines.append(
                OrderFields.Line(
                    id: try item.requiredID("id"),
                    productID: try item.id("product_id").flatMap { $0 == "0" ? nil : $0 },
                    quantity: units, net: net))
        }
        if !items.isEmpty {
            fields.base = min(sum, IngestLimits.amountMax)
            fields.quantity = min(quantity, IngestLimits.quantityMax)
        }
        if items.count == 1, quantity > 0 {
            fields.productID = fields.lines[0].productID
            fields.productPrice = scaled(
                fields.lines[0].net, numerator: 1, denominator: quantity, rounding: .halfEven)
        }
        // An order with more lines counts as one line: its base is known.
        if items.count > IngestLimits.linesMax || sum > IngestLimits.amountMax { fields.lines = [] }
        fields.customerID = try json.id("customer_id").flatMap { $0 == "0" ? nil : $0 }
        return fields
    }

    /// Shops may keep more decimals on a line than their currency has; such a line is rounded to the minor unit.
    private static func rounded(
        _ item: ShopJSON, _ key: String, _ currency: Currency
    ) throws(HookProblem) -> Int64? {
        guard let value = item[key] else { return nil }
        let decimals = 8
        guard let decimal = value.decimal,
            let fine = try? decimal.integer(decimals: decimals)  // any error is the problem thrown below
        else { throw HookProblem("invalid_amount", key) }
        let unit = (0..<(decimals - currency.exponent)).reduce(Int64(1)) { power, _ in power * 10 }
        let amount = scaled(fine, numerator: 1, denominator: unit, rounding: .halfEven)
        guard amount.magnitude <= UInt64(IngestLimits.amountMax) else { throw HookProblem("invalid_amount", key) }
        return amount
    }

    private static func readVisitor(_ json: ShopJSON, into order: inout ShopOrder) {
        var landingSite: String?
        var pairs: [(name: String, value: String)] = []
        for meta in json.objects("meta_data") {
            guard let key = meta["key"]?.string, let value = meta["value"],
                let text = value.string ?? value.number?.text
            else { continue }
            // WooCommerce's own order attribution notes the page of entry.
            if key == "_wc_order_attribution_session_entry" { landingSite = text } else { pairs.append((key, text)) }
        }
        let notes = VisitorNotes(pairs)
        let landing = VisitorNotes(link: landingSite)
        notes.fill(&order.fields)
        landing.fill(&order.fields)
        order.codes = [ReferralCandidate(.metaData, notes.code), ReferralCandidate(.landingSite, landing.code)]
            .compactMap { $0 }
        order.codes += json.objects("coupon_lines").compactMap { ReferralCandidate(.discountCode, $0.text("code")) }
    }

    private static func readStatus(_ json: ShopJSON, into order: inout ShopOrder) throws(HookProblem) {
        let paidAt = try json.instantGMT("date_paid_gmt")
        switch json["status"]?.string {
        case "processing", "completed": order.confirmedAt = paidAt ?? order.createdAt
        case "refunded": order.confirmedAt = paidAt
        case "cancelled":
            order.confirmedAt = paidAt
            order.cancellation = ShopOrder.Cancellation(at: order.updatedAt, reason: "WooCommerce: cancelled")
        case "failed":
            // A first payment that failed is tried again by the customer, and a cancellation is for good: only an order that
            // had been paid is cancelled by it. Unpaid it is not confirmed, so it earns nothing either way.
            guard let paidAt else { return }
            order.confirmedAt = paidAt
            order.cancellation = ShopOrder.Cancellation(at: order.updatedAt, reason: "WooCommerce: payment failed")
        default: break
        }
    }

    /// Nil for one that gives nothing back. The list in an order has totals only; a refund with items counts by these.
    private static func refund(
        _ json: ShopJSON, _ currency: Currency, at: EpochMilliseconds
    ) throws(HookProblem) -> ShopOrder.DatedRefund? {
        var refund = RefundFields(refundID: try json.requiredID("id"))
        // Refunds are not edited, and the list does not date them: one version for all payloads.
        refund.version = 0
        refund.currency = currency
        for item in json.objects("line_items") {
            let units = abs(try item.quantity("quantity") ?? 0)
            let amount = abs(try rounded(item, "total", currency) ?? 0)
            guard units > 0 || amount > 0 else { continue }
            let ordered = item.objects("meta_data").first { $0["key"]?.string == "_refunded_item_id" }
            guard let lineID = try ordered?.id("value") else { throw HookProblem("missing_field", "_refunded_item_id") }
            refund.lines.append(RefundFields.Line(lineID: lineID, quantity: units, amount: amount))
        }
        if refund.lines.isEmpty {
            let total = try json.amount("total", in: currency)
            let amount = try json.amount("amount", in: currency)
            guard let given = total ?? amount else { throw HookProblem("missing_field", "total") }
            guard given != 0 else { return nil }
            refund.amount = abs(given)
        }
        let created = try json.instantGMT("date_created_gmt")
        return ShopOrder.DatedRefund(refund: refund, at: created ?? at)
    }
}
