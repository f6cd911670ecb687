package import Core

extension Catalogue {
    /// The column `orders.catalogue`. Policies stand there by id: their versions never change. Keys are sorted, so equal
    /// catalogues have equal bytes and a hash can be taken over them.
    package var data: JSON {
        var writer = FieldsWriter()
        writer.set("programme", programme.data)
        let partners = partners.sorted { $0.key < $1.key }.map { id, partner in
            var member = FieldsWriter()
            member.set("tier", partner.tier)
            member.set("isActive", partner.isActive)
            if !partner.customerIDs.isEmpty {
                member.set("customerIds", .array(partner.customerIDs.sorted().map { .string($0) }))
            }
            return (id.description, member.json)
        }
        writer.set("partners", .object(JSONObject(partners)))
        let codes = referralCodes.sorted { $0.key < $1.key }.map { code, owner in
            (code, owner.map { JSON.string($0.description) } ?? .null)
        }
        writer.set("referralCodes", .object(JSONObject(codes)))
        let products = categories.sorted { $0.key < $1.key }.map { product, category in
            (product, category.map { JSON.string($0) } ?? .null)
        }
        writer.set("products", .object(JSONObject(products)))
        writer.set("policies", .array(policies.map { .string($0.id.description) }))
        if !grants.isEmpty {
            let grants = grants.sorted { $0.key < $1.key }.map { ($0.key.description, JSON.bool($0.value)) }
            writer.set("grants", .object(JSONObject(grants)))
        }
        return writer.json
    }

    /// The versions of policies that `data` names, for loading them.
    package static func policyIDs(in data: JSON) -> [UUID] {
        (data["policies"]?.array ?? []).compactMap { $0.string.flatMap { UUID($0) } }
    }

    /// Reads ``data``.
    ///
    /// - Parameter policy: finds a version of a policy by its id, retired ones too.
    package init(data: JSON, policy: (UUID) -> Policy?) throws(CatalogueError) {
        do throws(FactError) {
            let fields = try Fields(data)
            self.init(
                programme: try Programme(try fields.object("programme")), partners: [:], referralCodes: [:],
                categories: [:], policies: [], grants: [:])
            for member in try fields.members("partners") {
                let partner = try Fields(member.value, path: "partners.")
                partners[try fields.uuid(key: member.key, in: "partners")] = Partner(
                    tier: try partner.optionalText("tier"), isActive: try partner.optionalBool("isActive") ?? false,
                    customerIDs: Set((partner.value("customerIds")?.array ?? []).compactMap(\.string)))
            }
            for member in try fields.members("referralCodes") {
                referralCodes[member.key] = .some(member.value.string.flatMap { UUID($0) })
            }
            for member in try fields.members("products") {
                categories[member.key] = .some(member.value.string)
            }
            for member in try fields.members("grants") {
                grants[try fields.uuid(key: member.key, in: "grants")] = member.value.bool
            }
        } catch { throw .field(error) }
        for id in Self.policyIDs(in: data) {
            guard let policy = policy(id) else { throw .unknownPolicy(id) }
            policies.append(policy)
        }
    }
}

extension Programme {
    var data: JSON {
        var writer = FieldsWriter()
        writer.set("id", id)
        writer.set("model", model.rawValue)
        writer.set("windowMs", window)
        writer.set("toleranceMs", tolerance)
        writer.set("halfLifeMs", halfLife)
        writer.set("holdMs", hold)
        return writer.json
    }

    init(_ fields: Fields) throws(FactError) {
        let halfLife = try fields.milliseconds("halfLifeMs")
        guard halfLife > .zero else { throw .outOfRange(field: "programme.halfLifeMs") }
        self.init(
            id: try fields.text("id"), model: try fields.word("model", as: AttributionModel.self),
            window: try fields.milliseconds("windowMs"), tolerance: try fields.milliseconds("toleranceMs"),
            halfLife: halfLife, hold: try fields.milliseconds("holdMs"))
    }
}
