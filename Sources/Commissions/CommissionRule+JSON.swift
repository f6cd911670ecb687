package import Core

extension CommissionRule {
    /// The column `commission_policies.commission`: `{"kind":"percentage","ppm":50000}`, `{"kind":"fixed","amount":500}`,
    /// `{"kind":"tiered","mode":"marginal","steps":[{"threshold":0,"ppm":50000}]}`.
    package var data: JSON {
        var writer = FieldsWriter()
        switch self {
        case .percentage(let rate):
            writer.set("kind", "percentage")
            writer.set("ppm", rate.partsPerMillion)
        case .fixed(let amount):
            writer.set("kind", "fixed")
            writer.set("amount", amount)
        case .tiered(let tiers):
            writer.set("kind", "tiered")
            writer.set("mode", tiers.mode.rawValue)
            let steps = tiers.steps.map { step in
                var member = FieldsWriter()
                member.set("threshold", step.threshold)
                member.set("ppm", step.rate.partsPerMillion)
                return member.json
            }
            writer.set("steps", .array(steps))
        }
        return writer.json
    }

    private enum Kind: String { case percentage, fixed, tiered }

    package init(data: JSON) throws(PolicyError) {
        let tiers: (mode: TieredRates.Mode, steps: [TieredRates.Step])
        do throws(FactError) {
            let fields = try Fields(data, path: "commission.")
            switch try fields.word("kind", as: Kind.self) {
            case .percentage:
                self = .percentage(try Self.rate(fields))
                return
            case .fixed:
                self = .fixed(try fields.amount("amount"))
                return
            case .tiered:
                var steps: [TieredRates.Step] = []
                for step in try fields.objects("steps") {
                    steps.append(.init(threshold: try step.amount("threshold"), rate: try Self.rate(step)))
                }
                tiers = (try fields.word("mode", as: TieredRates.Mode.self), steps)
            }
        } catch { throw .field(error) }
        self = .tiered(try TieredRates(mode: tiers.mode, steps: tiers.steps))
    }

    private static func rate(_ fields: Fields) throws(FactError) -> Rate {
        Rate(partsPerMillion: try fields.integer("ppm", in: 0...1_000_000))
    }
}
