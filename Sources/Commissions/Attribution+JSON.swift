package import Core

extension Attribution {
    /// The column `conversion_events.attribution`: a copy of the touches that decided, for clicks are not kept for ever.
    package var data: JSON {
        var writer = FieldsWriter()
        writer.set("model", model.rawValue)
        writer.set("reason", reason?.rawValue)
        let shares = shares.map { share in
            var member = FieldsWriter()
            member.set("partnerId", share.partnerID)
            member.set("basisPoints", share.basisPoints)
            member.set("evidence", share.evidence.rawValue)
            member.set("clickId", share.clickID)
            member.set("reason", share.reason?.rawValue)
            return member.json
        }
        writer.set("shares", .array(shares))
        let touches = verdicts.map { verdict in
            var member = FieldsWriter()
            verdict.touch.write(to: &member)
            member.set("basisPoints", verdict.basisPoints)
            member.set("verdict", verdict.reason?.rawValue)
            return member.json
        }
        if !touches.isEmpty { writer.set("touches", .array(touches)) }
        return writer.json
    }
}
