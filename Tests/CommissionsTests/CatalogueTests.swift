import Commissions
import Core
import Testing

@Suite("Frozen catalogue")
struct CatalogueTests {
    private let created = fact(.created(order(1000, product: "p-1")))

    @Test func `what was frozen stays, whatever becomes of the programme`() throws {
        let before = context([policy(1, percent(10))])
        let state = reduce([created, confirmation])
        var catalogue = Catalogue(freezing: state, context: before)
        let after = context(
            [policy(1, percent(10)), policy(2, priority: 9, percent(50))], model: .linear,
            partners: [PartnerFacts(id: partner, referralCode: "PARTNER001", tier: "bronze", isActive: false)])
        let isChanged = catalogue.extend(for: state, context: after)
        #expect(!isChanged)
        #expect(target(state, catalogue)[partner]?.money.minorUnits == 100)
    }

    @Test func `what a later fact names for the first time is frozen then`() throws {
        let productPolicy = policy(2, percent(50), conditions: PolicyConditions(productID: "p-2"))
        let late = policy(3, priority: 9, percent(90))
        var catalogue = Catalogue(freezing: reduce([created]), context: context([policy(1, percent(10))]))
        #expect(catalogue.missing(for: reduce([created])).isEmpty)
        let updated = fact(.updated(order(1000, version: 2, product: "p-2")), at: orderTime + 1000)
        let state = reduce([created, updated, confirmation])
        #expect(catalogue.missing(for: state).productIDs == ["p-2"])
        let isChanged = catalogue.extend(
            for: state, context: context([policy(1, percent(10)), productPolicy, late]))
        #expect(isChanged)
        #expect(catalogue.policies.map(\.id) == [uuid(1), uuid(2)])
        #expect(target(state, catalogue)[partner]?.money.minorUnits == 500)
    }

    @Test func `an unknown code stays unknown until an operator attributes the order`() {
        let stranger = fact(.created(order(1000, code: "LATER")))
        var catalogue = Catalogue(freezing: reduce([stranger]), context: context([policy(percent(10))]))
        let known = context(
            [policy(percent(10))], partners: [PartnerFacts(id: partner, referralCode: "LATER")])
        let isChanged = catalogue.extend(for: reduce([stranger]), context: known)
        #expect(!isChanged)
        #expect(target(reduce([stranger]), catalogue).attribution?.reason == .unknownReferralCode)
        let act = OperatorAct(id: uuid(9), partnerID: partner, by: "admin", reason: "theirs")
        let state = reduce([stranger, confirmation, fact(.attribution(act), at: orderTime + day)])
        catalogue.extend(for: state, context: known)
        #expect(target(state, catalogue)[partner]?.money.minorUnits == 100)
    }

    @Test func `it survives its column`() throws {
        let rules = [
            policy(1, percent(10), uses: 3), policy(2, percent(5), conditions: PolicyConditions(tier: "gold")),
        ]
        var catalogue = Catalogue(
            freezing: reduce([created, touch(1, of: rival), fact(.updated(order(1, version: 2, code: "NOBODY")))]),
            context: context(rules, categories: ["p-1": "books"]))
        catalogue.decide(uuid(1), isGranted: true)
        let data = try JSON.parse(catalogue.data.serialized())
        let policies = Dictionary(uniqueKeysWithValues: rules.map { ($0.id, $0) })
        #expect(try Catalogue(data: data) { policies[$0] } == catalogue)
        #expect(Set(Catalogue.policyIDs(in: data)) == Set(rules.map(\.id)))
        #expect(throws: CatalogueError.unknownPolicy(uuid(1))) { try Catalogue(data: data) { _ in nil } }
        #expect(throws: CatalogueError.self) { try Catalogue(data: [:]) { _ in nil } }
    }
}
