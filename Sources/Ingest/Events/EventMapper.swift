package import Core

/// Maps one JSON object, as order systems post it, to an event. Pure.
///
/// Both spellings of every field are accepted (`orderAmount` or `orderValue`, `clickId` or `referralClickId`…). CloudEvents
/// 1.0 in structured mode is told by its member `specversion`: `id`, `type` and `time` are the envelope's, the fields stand
/// in `data`, and `subject` may name the order.
package struct EventMapper {
    /// The currency of amounts that come without one.
    package static let defaultCurrencyCode = "KRW"

    /// The event id of a request that has it in its header and not in its body.
    private let idempotencyKey: String?
    private let directory: Directory
    private let defaultCurrency: Currency

    /// - Parameter directory: turns a `partnerId` into the partner's referral code; one it does not know stays as it is.
    package init(directory: Directory = Directory(), idempotencyKey: String? = nil) {
        self.directory = directory
        self.idempotencyKey = idempotencyKey
        guard let currency = Currency.named(Self.defaultCurrencyCode) else { preconditionFailure("KRW is a currency") }
        defaultCurrency = currency
    }

    package func map(_ bytes: [UInt8]) throws(IngestRefusal) -> OrderEvent {
        let json: JSON
        do { json = try JSON.parse(bytes) } catch { throw .malformedJSON(error) }
        return try map(json)
    }

    package func map(_ json: JSON) throws(IngestRefusal) -> OrderEvent {
        guard let object = json.object else {
            throw IngestRefusal(400, "invalid_event", "An event is a JSON object.")
        }
        var envelope = FieldReader(object)
        let isCloudEvent = object["specversion"] != nil
        var fields = isCloudEvent ? try CloudEvent.data(of: &envelope) : envelope
        let id = eventID(&envelope, isCloudEvent: isCloudEvent)
        let type = Self.type(&envelope, isCloudEvent: isCloudEvent)
        let time = isCloudEvent ? envelope.instant("time") : nil
        let orderID = orderID(&fields, subject: isCloudEvent ? envelope.object["subject"]?.string : nil)
        let occurredAt = fields.instant("occurredAt", "timestamp") ?? time
        var data: [UInt8] = []
        if let type { data = self.data(type, &fields, eventID: id ?? "") }
        let problems = isCloudEvent ? envelope.problems + fields.problems : fields.problems + envelope.problems
        guard let id else {
            throw IngestRefusal(
                400, "missing_event_id", "The event has no id, by which a repetition could be known.",
                problems: problems)
        }
        guard problems.isEmpty, let type, let orderID else {
            throw IngestRefusal(
                422, "invalid_event", "The event cannot be accepted as it is.",
                problems: Array(problems.prefix(IngestLimits.fieldProblemsMax)))
        }
        return OrderEvent(type, eventID: id, orderID: orderID, occurredAt: occurredAt, data: data)
    }

    private func eventID(_ envelope: inout FieldReader, isCloudEvent: Bool) -> String? {
        let before = envelope.problems.count
        let id =
            isCloudEvent
            ? envelope.text("id", bytesMax: IngestLimits.idBytesMax)
            : envelope.text("id", "eventId", bytesMax: IngestLimits.idBytesMax)
        if let id { return id }
        let hasProblem = envelope.problems.count > before
        if !hasProblem, let key = idempotencyKey, (1...IngestLimits.idBytesMax).contains(key.utf8.count) { return key }
        if !hasProblem {
            envelope.refuse(
                "id", "is required: a string of 1 to \(IngestLimits.idBytesMax) bytes, or the header Idempotency-Key")
        }
        return nil
    }

    private static func type(_ envelope: inout FieldReader, isCloudEvent: Bool) -> OrderEventType? {
        let before = envelope.problems.count
        guard let text = envelope.text("type") else {
            if envelope.problems.count == before { envelope.refuse("type", "is required: \(typeNames)") }
            return nil
        }
        if let type = OrderEventType(rawValue: text) { return type }
        // CloudEvents asks for a reverse domain name in front: com.example.order.created.
        if isCloudEvent, let type = OrderEventType.allCases.first(where: { text.hasSuffix(".\($0.rawValue)") }) {
            return type
        }
        envelope.refuse("type", "must be \(typeNames)")
        return nil
    }

    private static let typeNames = OrderEventType.allCases.map(\.rawValue).joined(separator: ", ")

    private func orderID(_ fields: inout FieldReader, subject: String?) -> String? {
        if fields.object["orderId"] == nil, let subject, (1...IngestLimits.idBytesMax).contains(subject.utf8.count) {
            return subject
        }
        return fields.requiredText("orderId", bytesMax: IngestLimits.idBytesMax)
    }

    private func data(_ type: OrderEventType, _ fields: inout FieldReader, eventID: String) -> [UInt8] {
        switch type {
        case .created, .updated: return order(&fields).data()
        case .confirmed: return Array("{}".utf8)
        case .cancelled:
            var writer = DataWriter(capacity: 64)
            writer.set("reason", fields.text("reason", "cancellationReason"))
            return writer.end()
        case .refunded: return refund(&fields, eventID: eventID).data()
        }
    }

    private func order(_ fields: inout FieldReader) -> OrderFields {
        let currency = fields.currency(default: defaultCurrency)
        let before = fields.problems.count
        let amount = fields.amount("orderAmount", "orderValue", in: currency)
        if amount == nil, fields.problems.count == before {
            fields.refuse("orderAmount", "is required: an amount in major units of \(currency.code)")
        }
        var order = OrderFields(currency: currency, orderAmount: amount ?? 0)
        order.version = fields.integer("version", in: 0 ... .max)
        order.base = fields.amount("base", "commissionBase", in: currency)
        order.referralCode = referralCode(&fields)
        order.clickID = fields.text("clickId", "referralClickId")
        order.productID = fields.text("productId")
        order.productPrice = fields.amount("productPrice", in: currency)
        order.quantity = fields.integer("quantity", in: 0...IngestLimits.quantityMax)
        order.customerID = fields.text("customerId")
        order.isNewCustomer = fields.bool("isNewCustomer")
        order.sessionID = fields.text("sessionId")
        order.fingerprint = fields.text("fingerprint")
        order.lines = lines(&fields, currency)
        return order
    }

    private func referralCode(_ fields: inout FieldReader) -> String? {
        let code = fields.text("referralCode")
        guard code == nil, let partner = fields.text("partnerId") else { return code }
        return UUID(partner).flatMap { directory.partner($0)?.code } ?? partner
    }

    private func lines(_ fields: inout FieldReader, _ currency: Currency) -> [OrderFields.Line] {
        var ids: Set<String> = []
        var total: Int64 = 0
        let lines = fields.objects("lines") { line in
            let before = line.problems.count
            let id = line.text("id", "lineId")
            let net = line.amount("net", "amount", in: currency)
            if line.problems.count == before {
                if id == nil { line.refuse("id", "is required: a string") }
                if net == nil { line.refuse("net", "is required: an amount in major units of \(currency.code)") }
                if let id, !ids.insert(id).inserted { line.refuse("id", "stands twice in one order") }
            }
            let product = line.text("productId")
            let quantity = line.integer("quantity", in: 0...IngestLimits.quantityMax)
            guard let id, let net else { return nil as OrderFields.Line? }
            // At most 1,000 amounts of at most 10^15.
            total += net
            return OrderFields.Line(id: id, productID: product, quantity: quantity, net: net)
        }
        if total > IngestLimits.amountMax { fields.refuse("lines", "the sum of their amounts is too large") }
        return lines
    }

    /// A refund is in its order's currency. Where it names none, its amounts stay as they were written: the order may not even
    /// be known yet, and what 10.50 is in minor units is the currency's to say.
    private func refund(_ fields: inout FieldReader, eventID: String) -> RefundFields {
        let before = fields.problems.count
        let currency = fields.currency()
        // Without an id of its own a refund is what this event says, once.
        var refund = RefundFields(refundID: fields.text("refundId") ?? eventID)
        refund.currency = currency
        refund.version = fields.integer("version", in: 0 ... .max)
        if let currency {
            refund.amount = fields.amount("refundAmount", "amount", in: currency)
        } else {
            refund.majorAmount = fields.decimal("refundAmount", "amount")
        }
        refund.quantity = fields.integer("refundQuantity", "quantity", in: 0...IngestLimits.quantityMax)
        refund.isRemoved = fields.bool("removed") ?? false
        refund.lines = fields.objects("lines") { line in
            let id = line.text("lineId", "id")
            if id == nil, line.problems.isEmpty { line.refuse("lineId", "is required: a string") }
            let quantity = line.integer("quantity", in: 0...IngestLimits.quantityMax)
            let amount = currency.flatMap { line.amount("amount", "net", in: $0) }
            let majorAmount = currency == nil ? line.decimal("amount", "net") : nil
            return id.map {
                RefundFields.Line(lineID: $0, quantity: quantity, amount: amount, majorAmount: majorAmount)
            }
        }
        if !refund.saysSomething, fields.problems.count == before {
            fields.refuse("refundAmount", "is required, or refundQuantity above 0, or lines")
        }
        return refund
    }
}
