package import Core

extension FactBody {
    /// Reads an event's `data` or the column `order_facts.data`. Unknown members are ignored.
    ///
    /// - Parameter occurredAt: the version of an order or refund that carries none.
    package init(kind: FactKind, data: JSON, occurredAt: EpochMilliseconds) throws(FactError) {
        let fields = try Fields(data)
        switch kind {
        case .created: self = .created(try OrderVersion(fields, occurredAt: occurredAt))
        case .updated: self = .updated(try OrderVersion(fields, occurredAt: occurredAt))
        case .confirmed: self = .confirmed
        case .cancelled: self = .cancelled(reason: try fields.optionalText("reason"))
        case .refund: self = .refund(try Refund(fields, occurredAt: occurredAt))
        case .touch: self = .touch(try Touch(fields))
        case .attribution: self = .attribution(try OperatorAct(fields, needsPartner: true))
        case .adjustment: self = .adjustment(try Adjustment(fields))
        case .cancellation: self = .cancellation(try OperatorAct(fields))
        case .dispute: self = .dispute(try Dispute(fields))
        case .hold: self = .hold(try OperatorAct(fields))
        case .release: self = .release(try OperatorAct(fields))
        case .writeOff:
            self = .writeOff(
                WriteOff(act: try OperatorAct(fields, needsPartner: true), amount: try fields.amount("amount")))
        case .payout:
            self = .payout(
                Payout(
                    act: try OperatorAct(fields, needsPartner: true), amount: try fields.amount("amount"),
                    method: try fields.text("method"), reference: try fields.text("reference")))
        }
    }

    /// The column `order_facts.data`; reading it gives the same body again.
    package var data: JSON {
        var writer = FieldsWriter()
        switch self {
        case .created(let version), .updated(let version): version.write(to: &writer)
        case .confirmed: break
        case .cancelled(let reason): writer.set("reason", reason)
        case .refund(let refund): refund.write(to: &writer)
        case .touch(let touch): touch.write(to: &writer)
        case .attribution(let act), .cancellation(let act), .hold(let act), .release(let act): act.write(to: &writer)
        case .adjustment(let adjustment): adjustment.write(to: &writer)
        case .dispute(let dispute): dispute.write(to: &writer)
        case .writeOff(let writeOff):
            writeOff.act.write(to: &writer)
            writer.set("amount", writeOff.amount)
        case .payout(let payout):
            payout.act.write(to: &writer)
            writer.set("amount", payout.amount)
            writer.set("method", payout.method)
            writer.set("reference", payout.reference)
        }
        return writer.json
    }
}

extension OrderVersion {
    init(_ fields: Fields, occurredAt: EpochMilliseconds) throws(FactError) {
        self.init(
            version: try fields.optionalInteger("version", in: 0 ... .max) ?? occurredAt.rawValue,
            currency: try fields.currency("currency"), orderAmount: try fields.amount("orderAmount"),
            base: try fields.optionalAmount("base"), referralCode: try fields.optionalText("referralCode"),
            clickID: try fields.optionalText("clickId"), productID: try fields.optionalText("productId"),
            productPrice: try fields.optionalAmount("productPrice"),
            quantity: try fields.optionalQuantity("quantity"), customerID: try fields.optionalText("customerId"),
            isNewCustomer: try fields.optionalBool("isNewCustomer"), sessionID: try fields.optionalText("sessionId"),
            fingerprint: try fields.optionalText("fingerprint"))
        var ids: Set<String> = []
        var total: Int64 = 0
        for line in try fields.objects("lines") {
            let id = try line.text("id")
            guard ids.insert(id).inserted else { throw .malformed(field: "lines") }
            lines.append(
                OrderLine(
                    id: id, productID: try line.optionalText("productId"),
                    quantity: try line.optionalQuantity("quantity") ?? 1, net: try line.amount("net")))
            total = saturatingSum(total, lines[lines.count - 1].net)
        }
        guard total <= FactLimits.amountMax else { throw .outOfRange(field: "lines") }
    }

    func write(to writer: inout FieldsWriter) {
        writer.set("version", version)
        writer.set("currency", currency.code)
        writer.set("orderAmount", orderAmount)
        writer.set("base", base)
        writer.set("referralCode", referralCode)
        writer.set("clickId", clickID)
        writer.set("productId", productID)
        writer.set("productPrice", productPrice)
        writer.set("quantity", quantity)
        writer.set("customerId", customerID)
        writer.set("isNewCustomer", isNewCustomer)
        writer.set("sessionId", sessionID)
        writer.set("fingerprint", fingerprint)
        guard !lines.isEmpty else { return }
        let written = lines.map { line in
            var member = FieldsWriter()
            member.set("id", line.id)
            member.set("productId", line.productID)
            member.set("quantity", line.quantity)
            member.set("net", line.net)
            return member.json
        }
        writer.set("lines", .array(written))
    }
}

extension Refund {
    init(_ fields: Fields, occurredAt: EpochMilliseconds) throws(FactError) {
        self.init(
            refundID: try fields.text("refundId"),
            version: try fields.optionalInteger("version", in: 0 ... .max) ?? occurredAt.rawValue,
            currency: try fields.optionalCurrency("currency"), quantity: try fields.optionalQuantity("quantity"),
            isRemoved: try fields.optionalBool("removed") ?? false)
        (amount, majorAmount) = try Self.amount(fields, currency)
        for line in try fields.objects("lines") {
            var read = RefundLine(
                lineID: try line.text("lineId"), quantity: try line.optionalQuantity("quantity"))
            (read.amount, read.majorAmount) = try Self.amount(line, currency)
            lines.append(read)
        }
        let says = amount != nil || majorAmount != nil || quantity ?? 0 > 0 || !lines.isEmpty
        guard isRemoved || says else { throw .emptyRefund }
    }

    /// An integer is minor units, of the currency beside it or of the order's; a string is major units of a currency that
    /// nobody named.
    private static func amount(
        _ fields: Fields, _ currency: Currency?
    ) throws(FactError) -> (minor: Int64?, major: ExactDecimal?) {
        guard fields.value("amount")?.string != nil else { return (try fields.optionalAmount("amount"), nil) }
        return (nil, try fields.decimal("amount", isExpected: currency == nil))
    }

    func write(to writer: inout FieldsWriter) {
        writer.set("refundId", refundID)
        writer.set("version", version)
        writer.set("currency", currency?.code)
        writer.set("amount", amount)
        writer.set("amount", majorAmount?.description)
        writer.set("quantity", quantity)
        if !lines.isEmpty {
            let written = lines.map { line in
                var member = FieldsWriter()
                member.set("lineId", line.lineID)
                member.set("quantity", line.quantity)
                member.set("amount", line.amount)
                member.set("amount", line.majorAmount?.description)
                return member.json
            }
            writer.set("lines", .array(written))
        }
        if isRemoved { writer.set("removed", true) }
    }
}

extension Touch {
    init(_ fields: Fields) throws(FactError) {
        self.init(
            clickID: try fields.uuid("clickId"), partnerID: try fields.uuid("partnerId"),
            referralCode: try fields.text("referralCode"), clickedAt: try fields.instant("clickedAt"),
            isValid: try fields.optionalBool("isValid") ?? true,
            evidence: try fields.word("evidence", as: Evidence.self), reason: try fields.optionalText("reason"))
    }

    func write(to writer: inout FieldsWriter) {
        writer.set("clickId", clickID)
        writer.set("partnerId", partnerID)
        writer.set("referralCode", referralCode)
        writer.set("clickedAt", clickedAt)
        writer.set("isValid", isValid)
        writer.set("evidence", evidence.rawValue)
        writer.set("reason", reason)
    }
}

extension OperatorAct {
    init(_ fields: Fields, needsPartner: Bool = false) throws(FactError) {
        self.init(
            id: try fields.uuid("id"),
            partnerID: needsPartner ? try fields.uuid("partnerId") : try fields.optionalUUID("partnerId"),
            by: try fields.text("by"), reason: try fields.optionalText("reason") ?? "")
    }

    func write(to writer: inout FieldsWriter) {
        writer.set("id", id)
        writer.set("partnerId", partnerID)
        writer.set("by", by)
        if !reason.isEmpty { writer.set("reason", reason) }
    }
}

extension Adjustment {
    init(_ fields: Fields) throws(FactError) {
        self.init(
            act: try OperatorAct(fields), partnerID: try fields.uuid("partnerId"),
            newAmount: try fields.amount("newAmount"), netBase: try fields.amount("netBase"))
    }

    func write(to writer: inout FieldsWriter) {
        act.write(to: &writer)
        writer.set("newAmount", newAmount)
        writer.set("netBase", netBase)
    }
}

extension Dispute {
    private enum Word: String { case stands, cancelled, adjusted }

    init(_ fields: Fields) throws(FactError) {
        let outcome: Outcome =
            switch try fields.word("outcome", as: Word.self) {
            case .stands: .stands
            case .cancelled: .cancelled
            case .adjusted:
                .adjusted(newAmount: try fields.amount("newAmount"), netBase: try fields.amount("netBase"))
            }
        self.init(act: try OperatorAct(fields), partnerID: try fields.uuid("partnerId"), outcome: outcome)
    }

    func write(to writer: inout FieldsWriter) {
        act.write(to: &writer)
        switch outcome {
        case .stands: writer.set("outcome", Word.stands.rawValue)
        case .cancelled: writer.set("outcome", Word.cancelled.rawValue)
        case .adjusted(let newAmount, let netBase):
            writer.set("outcome", Word.adjusted.rawValue)
            writer.set("newAmount", newAmount)
            writer.set("netBase", netBase)
        }
    }
}
