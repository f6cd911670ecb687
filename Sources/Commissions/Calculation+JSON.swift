package import Core

extension PartnerTarget {
    /// The column `partner_commissions.trace`: which policies were tried, chosen and rejected and why, and how the amount
    /// came about. Built on demand.
    package var trace: JSON {
        var writer = FieldsWriter()
        writer.set("currency", money.currency.code)
        writer.set("amount", money.minorUnits)
        writer.set("standing", standing.rawValue)
        writer.set("reason", reason?.rawValue)
        writer.set("basisPoints", basisPoints)
        calculation?.write(to: &writer)
        return writer.json
    }
}

extension Calculation {
    fileprivate func write(to writer: inout FieldsWriter) {
        writer.set("whole", whole)
        writer.set("share", share)
        if let adjustment {
            var member = FieldsWriter()
            adjustment.write(to: &member)
            writer.set("adjustment", member.json)
        }
        writer.set("policies", .array(parts.map(\.data)))
        writer.set("trials", .array(trials.map(\.data)))
    }
}

extension Calculation.Part {
    fileprivate var data: JSON {
        var writer = FieldsWriter()
        writer.set("id", policy.id)
        writer.set("code", policy.code)
        writer.set("version", policy.version)
        writer.set("commission", policy.commission.data)
        writer.set("rounding", policy.rounding.rawValue)
        let lines = lineIDs.filter { $0 != RefundedOrder.wholeOrder }
        if !lines.isEmpty { writer.set("lines", .array(lines.map { .string($0) })) }
        writer.set("base", base)
        writer.set("net", net)
        writer.set("raw", raw)
        writer.set("bound", bound?.rawValue)
        writer.set("amount", amount)
        return writer.json
    }
}

extension Calculation.Trial {
    fileprivate var data: JSON {
        var writer = FieldsWriter()
        writer.set("productId", productID)
        let tried = verdicts.map { verdict in
            var member = FieldsWriter()
            member.set("id", verdict.policyID)
            member.set("code", verdict.code)
            member.set("version", verdict.version)
            member.set("outcome", verdict.outcome.rawValue)
            return member.json
        }
        writer.set("tried", .array(tried))
        return writer.json
    }
}
