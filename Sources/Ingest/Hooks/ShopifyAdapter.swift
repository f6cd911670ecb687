import Core

/// Reads what Shopify's webhooks send. Pure; which topic gives which fact stands in docs/ingest.md.
///
/// The topic travels in a header that the signature does not cover, so what an order's payload says of itself decides
/// (`financial_status`, `cancelled_at`), and the topic only where the payload has no such member.
enum ShopifyAdapter {
    private static let orderTopics: Set<String> = [
        "orders/create", "orders/updated", "orders/paid", "orders/cancelled", "orders/fulfilled",
        "orders/partially_fulfilled",
    ]
    /// Of these an order has been paid, whatever was given back afterwards.
    private static let paidStatuses: Set<String> = ["paid", "partially_refunded", "refunded"]

    static func read(topic: String, _ json: JSON) -> HookReading {
        var reading = HookReading()
        do throws(HookProblem) {
            if topic == "refunds/create" {
                reading.refunds = [try looseRefund(ShopJSON(json["refund"] ?? json))]
            } else if orderTopics.contains(topic) {
                for order in json["orders"]?.array ?? [json["order"] ?? json] {
                    reading.orders.append(try Self.order(ShopJSON(order), topic: topic))
                }
            } else {
                throw HookProblem("topic_not_used")
            }
        } catch {
            reading.problems.append(error)
        }
        return reading
    }

    // MARK: Orders

    private static func order(_ json: ShopJSON, topic: String) throws(HookProblem) -> ShopOrder {
        let id = try json.requiredID("id")
        guard json["test"]?.bool != true else { throw HookProblem("test_order") }
        let currency = try json.currency()
        guard let createdAt = try json.instant("created_at") else { throw HookProblem("missing_field", "created_at") }
        let updatedAt = try json.instant("updated_at") ?? createdAt
        var order = ShopOrder(
            id: id, isCreation: topic == "orders/create", createdAt: createdAt, updatedAt: updatedAt,
            fields: try fields(json, currency, isCreation: topic == "orders/create"))
        let notes = VisitorNotes(
            json.objects("note_attributes").compactMap { note in
                guard let name = note["name"]?.string, let value = note["value"] else { return nil }
                return (name: name, value: value.string ?? value.number?.text ?? "")
            })
        let landing = VisitorNotes(link: json["landing_site"]?.string)
        notes.fill(&order.fields)
        landing.fill(&order.fields)
        order.codes = [
            ReferralCandidate(.noteAttributes, notes.code), ReferralCandidate(.landingSite, landing.code),
            ReferralCandidate(.landingSite, json.text("landing_site_ref")),
            ReferralCandidate(.reference, json.text("reference")),
        ].compactMap { $0 }
        order.codes += json.objects("discount_codes").compactMap { ReferralCandidate(.discountCode, $0.text("code")) }
        order.confirmedAt = try confirmation(json, topic: topic) ? try json.instant("processed_at") ?? createdAt : nil
        order.cancellation = try cancellation(json, topic: topic, updatedAt: updatedAt)
        for refund in json.objects("refunds") {
            do throws(HookProblem) {
                if let refund = try Self.refund(refund, orderCurrency: currency, fallback: updatedAt) {
                    order.refunds.append(refund)
                }
            } catch {
                order.problems.append(HookProblem(error.code, "refunds: \(error.detail)"))
            }
        }
        return order
    }

    private static func confirmation(_ json: ShopJSON, topic: String) throws(HookProblem) -> Bool {
        guard let status = json["financial_status"] else { return topic == "orders/paid" }
        return paidStatuses.contains(status.string ?? "")
    }

    private static func cancellation(
        _ json: ShopJSON, topic: String, updatedAt: EpochMilliseconds
    ) throws(HookProblem) -> ShopOrder.Cancellation? {
        let at = try json.instant("cancelled_at")
        guard let at = at ?? (topic == "orders/cancelled" && json.json["cancelled_at"] == nil ? updatedAt : nil) else {
            return nil
        }
        return ShopOrder.Cancellation(at: at, reason: json.text("cancel_reason"))
    }

    private static func fields(
        _ json: ShopJSON, _ currency: Currency, isCreation: Bool
    ) throws(HookProblem) -> OrderFields {
        let isTaxIncluded = json["taxes_included"]?.bool ?? false
        var fields = OrderFields(
            currency: currency, orderAmount: max(0, try json.requiredAmount("total_price", in: currency)))
        var lineTaxes: Int64 = 0
        var lineSum: Int64 = 0
        var quantity: Int64 = 0
        let items = json.objects("line_items")
        for item in items {
            let (line, tax) = try line(item, currency, isTaxIncluded: isTaxIncluded)
            lineTaxes = try ShopJSON.sum(lineTaxes, tax)
            lineSum = try ShopJSON.sum(lineSum, line.net)
            quantity += line.quantity ?? 0
            fields.lines.append(line)
        }
        if let subtotal = try json.amount("subtotal_price", in: currency) {
            // After discounts, without shipping; with tax where the shop's prices include it.
            fields.base = min(max(0, isTaxIncluded ? subtotal - lineTaxes : subtotal), IngestLimits.amountMax)
        } else if !items.isEmpty {
            fields.base = min(lineSum, IngestLimits.amountMax)
        }
        if fields.lines.count == 1 {
            fields.productID = fields.lines[0].productID
            fields.productPrice = max(0, try items[0].amount("price", in: currency) ?? 0)
        }
        fields.quantity = items.isEmpty ? nil : min(quantity, IngestLimits.quantityMax)
        // An order with more lines counts as one line: its base is known.
        if items.count > IngestLimits.linesMax || lineSum > IngestLimits.amountMax { fields.lines = [] }
        let customer = json["customer"].map(ShopJSON.init)
        fields.customerID = try customer?.id("id")
        // Only true of the moment of the order: it counts this one, and later ones too as time goes by.
        if isCreation, let orders = try customer?.quantity("orders_count") { fields.isNewCustomer = orders <= 1 }
        return fields
    }

    /// A line after its discounts and without tax, and the tax that its price held.
    private static func line(
        _ item: ShopJSON, _ currency: Currency, isTaxIncluded: Bool
    ) throws(HookProblem) -> (OrderFields.Line, tax: Int64) {
        let quantity = max(0, try item.quantity("quantity") ?? 1)
        let price = try item.requiredAmount("price", in: currency)
        let (gross, overflow) = price.multipliedReportingOverflow(by: quantity)
        guard !overflow, (0...IngestLimits.amountMax).contains(gross) else {
            throw HookProblem("invalid_amount", "line_items")
        }
        var discount: Int64 = 0
        if item["discount_allocations"] != nil {
            for allocation in item.objects("discount_allocations") {
                discount = try ShopJSON.sum(discount, allocation.amount("amount", in: currency) ?? 0)
            }
        } else {
            discount = try item.amount("total_discount", in: currency) ?? 0
        }
        var tax: Int64 = 0
        if isTaxIncluded {
            for line in item.objects("tax_lines") {
                tax = try ShopJSON.sum(tax, line.amount("price", in: currency) ?? 0)
            }
        }
        let line = OrderFields.Line(
            id: try item.requiredID("id"), productID: try item.id("product_id"), quantity: quantity,
            net: min(max(0, gross - discount - tax), IngestLimits.amountMax))
        return (line, tax)
    }

    // MARK: Refunds

    private static func looseRefund(_ json: ShopJSON) throws(HookProblem) -> HookReading.LooseRefunds {
        let orderID = try json.requiredID("order_id")
        let refund = try refund(json, orderCurrency: nil, fallback: nil)
        return HookReading.LooseRefunds(orderID: orderID, refunds: [refund].compactMap { $0 })
    }

    /// Nil for a refund that takes nothing from the items, such as one of shipping alone.
    ///
    /// Read from the refund alone, so that `refunds/create` and the order's own list say the same of it.
    private static func refund(
        _ json: ShopJSON, orderCurrency: Currency?, fallback: EpochMilliseconds?
    ) throws(HookProblem) -> ShopOrder.DatedRefund? {
        var refund = RefundFields(refundID: try json.requiredID("id"))
        let createdAt = try json.instant("created_at")
        let processedAt = try json.instant("processed_at")
        guard let at = createdAt ?? processedAt ?? fallback else { throw HookProblem("missing_field", "created_at") }
        refund.version = at.rawValue
        let currency = currency(of: json) ?? orderCurrency
        let items = json.objects("refund_line_items")
        if items.isEmpty {
            let amount = try amountWithoutItems(json, currency)
            guard amount > 0 else { return nil }
            refund.amount = min(amount, IngestLimits.amountMax)
        } else {
            for item in items { refund.lines.append(try line(item, currency)) }
            if refund.lines.count > IngestLimits.linesMax { throw HookProblem("too_many_lines") }
        }
        if refund.amount != nil || refund.lines.contains(where: { $0.amount != nil }) { refund.currency = currency }
        return ShopOrder.DatedRefund(refund: refund, at: at)
    }

    /// Units of a line; also its subtotal where no tax can be in it. With tax nothing in a refund tells whether the subtotal
    /// includes it, while the units always count on the line's own net.
    private static func line(_ item: ShopJSON, _ currency: Currency?) throws(HookProblem) -> RefundFields.Line {
        var line = RefundFields.Line(
            lineID: try item.requiredID("line_item_id"), quantity: max(0, try item.quantity("quantity") ?? 0),
            amount: nil)
        guard let currency, let subtotal = try item.amount("subtotal", in: currency) else { return line }
        if try item.amount("total_tax", in: currency) ?? 0 == 0 { line.amount = max(0, subtotal) }
        return line
    }

    /// What was paid back without naming items, less what was shipping.
    private static func amountWithoutItems(_ json: ShopJSON, _ currency: Currency?) throws(HookProblem) -> Int64 {
        guard let currency else { throw HookProblem("missing_field", "currency") }
        var amount: Int64 = 0
        for transaction in json.objects("transactions") where transaction["kind"]?.string == "refund" {
            guard transaction["status"]?.string ?? "success" == "success" else { continue }
            amount = try ShopJSON.sum(amount, transaction.amount("amount", in: currency) ?? 0)
        }
        for adjustment in json.objects("order_adjustments") where adjustment["kind"]?.string == "shipping_refund" {
            let shipping = abs(try adjustment.amount("amount", in: currency) ?? 0)
            let tax = abs(try adjustment.amount("tax_amount", in: currency) ?? 0)
            amount = try ShopJSON.sum(amount, -shipping - tax)
        }
        return amount
    }

    /// Of the shop's money: a line's subtotal says it best, then a transaction.
    private static func currency(of json: ShopJSON) -> Currency? {
        for item in json.objects("refund_line_items") {
            if let code = item["subtotal_set"]?["shop_money"]?["currency_code"]?.string { return Currency.named(code) }
        }
        for transaction in json.objects("transactions") {
            if let code = transaction["currency"]?.string { return Currency.named(code) }
        }
        return nil
    }
}
