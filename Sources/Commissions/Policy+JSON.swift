package import Core

extension Policy {
    /// The whole version as one object, always in the same order: what its hash is taken over.
    package var data: JSON {
        var writer = FieldsWriter()
        writer.set("id", id)
        writer.set("code", code)
        writer.set("version", version)
        writer.set("type", type)
        writer.set("priority", priority)
        writer.set("partnerId", conditions.partnerID)
        writer.set("productId", conditions.productID)
        writer.set("category", conditions.category)
        writer.set("tier", conditions.tier)
        if conditions.requiresNewCustomer { writer.set("requiresNewCustomer", true) }
        writer.set("validFrom", conditions.validFrom)
        writer.set("validUntil", conditions.validUntil)
        writer.set("commission", commission.data)
        writer.set("currency", currency?.code)
        writer.set("minCommission", minCommission)
        writer.set("maxCommission", maxCommission)
        writer.set("maxUsageTotal", maxUsageTotal)
        if stacks { writer.set("stacks", true) }
        writer.set("rounding", rounding.rawValue)
        writer.set("refundMode", refundMode.rawValue)
        writer.set("createdAt", createdAt)
        return writer.json
    }

    /// Reads ``data`` and checks that the policy makes sense.
    package init(data: JSON) throws(PolicyError) {
        guard let rule = data["commission"] else { throw .field(.missing(field: "commission")) }
        let commission = try CommissionRule(data: rule)
        do throws(FactError) {
            let fields = try Fields(data)
            self.init(
                id: try fields.uuid("id"), code: try fields.text("code"),
                version: try fields.integer("version", in: 1 ... .max), type: try fields.text("type"),
                priority: try fields.integer("priority", in: .min ... .max),
                conditions: try PolicyConditions(fields), commission: commission,
                currency: try fields.optionalCurrency("currency"),
                minCommission: try fields.optionalAmount("minCommission"),
                maxCommission: try fields.optionalAmount("maxCommission"),
                maxUsageTotal: try fields.optionalInteger("maxUsageTotal", in: 0 ... .max),
                stacks: try fields.optionalBool("stacks") ?? false,
                rounding: try fields.word("rounding", as: Rounding.self),
                refundMode: try fields.word("refundMode", as: RefundMode.self),
                createdAt: try fields.instant("createdAt"))
        } catch { throw .field(error) }
        try validate()
    }

    /// Checks what the type cannot hold; for policies that people write.
    package func validate() throws(PolicyError) {
        switch commission {
        case .percentage(let rate): try rate.validate()
        case .fixed(let amount):
            guard 0...FactLimits.amountMax ~= amount else { throw .amount }
        case .tiered(let tiers):
            for step in tiers.steps {
                try step.rate.validate()
                guard step.threshold <= FactLimits.amountMax else { throw .amount }
            }
        }
        for amount in [minCommission, maxCommission].compactMap({ $0 }) {
            guard 0...FactLimits.amountMax ~= amount else { throw .amount }
        }
        if let minCommission, let maxCommission, minCommission > maxCommission { throw .bounds }
        if currency == nil, needsCurrency { throw .currency }
        guard conditions.validFrom < conditions.validUntil else { throw .validity }
    }

    private var needsCurrency: Bool {
        if minCommission != nil || maxCommission != nil { return true }
        switch commission {
        case .percentage: return false
        case .fixed: return true
        case .tiered(let tiers): return tiers.steps.contains { $0.threshold > 0 }
        }
    }
}

extension PolicyConditions {
    init(_ fields: Fields) throws(FactError) {
        self.init(
            partnerID: try fields.optionalUUID("partnerId"), productID: try fields.optionalText("productId"),
            category: try fields.optionalText("category"), tier: try fields.optionalText("tier"),
            requiresNewCustomer: try fields.optionalBool("requiresNewCustomer") ?? false,
            validFrom: try fields.instant("validFrom"), validUntil: try fields.instant("validUntil"))
    }
}

extension Rate {
    /// No policy gives more than everything.
    fileprivate func validate() throws(PolicyError) {
        guard 0...1_000_000 ~= partsPerMillion else { throw .rate }
    }
}
