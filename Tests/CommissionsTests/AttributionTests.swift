import Commissions
import Core
import Testing

@Suite("Attribution")
struct AttributionTests {
    private func attribution(
        _ facts: [OrderFact], code: String? = "PARTNER001", click: UUID? = nil, customer: String? = nil,
        model: AttributionModel = .lastClick, partners: [PartnerFacts]? = nil
    ) throws -> Attribution {
        let created = fact(.created(order(1000, code: code, click: click, customer: customer)))
        return try #require(
            priced([created] + facts, context([policy(percent(10))], model: model, partners: partners)).attribution)
    }

    @Test func `the click that the order names comes first`() throws {
        let found = try attribution(
            [touch(1, of: rival, age: 2 * day, evidence: .click), touch(2, age: 1000)], click: uuid(1))
        #expect(found.leading?.partnerID == rival)
        #expect(found.leading?.evidence == .click)
        #expect(found.leading?.clickID == uuid(1))
        #expect(found.shares.last?.reason == .outranked)
    }

    @Test func `then the last click of its code by the same visitor`() throws {
        let found = try attribution([
            touch(1, age: 3 * day), touch(2, age: 2 * day, evidence: .fingerprint), touch(3, of: rival, age: day),
        ])
        #expect(found.leading?.clickID == uuid(2))
        #expect(found.leading?.evidence == .fingerprint)
    }

    @Test func `then the code alone, then nothing`() throws {
        let byCode = try attribution([])
        #expect(byCode.leading?.partnerID == partner)
        #expect(byCode.leading?.evidence == .code)
        #expect(byCode.leading?.reason == nil)
        let byNothing = try attribution([], code: nil)
        #expect(byNothing.shares.isEmpty)
        #expect(byNothing.reason == .unattributed)
        #expect(try attribution([], code: "NOBODY").reason == .unknownReferralCode)
    }

    @Test func `the window is inclusive`() throws {
        let window = 30 * day
        #expect(try attribution([touch(1, age: window)]).leading?.reason == nil)
        #expect(try attribution([touch(1, age: window + 1)]).leading?.reason == .windowExpired)
    }

    @Test func `a click after the conversion never counts, beyond the tolerance of clocks`() throws {
        let late = try attribution([touch(1, of: rival, age: -301_000)], code: nil)
        #expect(late.reason == .unattributed)
        #expect(late.verdicts.first?.reason == .clickAfterConversion)
        #expect(try attribution([touch(1, age: -300_000)], code: nil).leading?.reason == nil)
        // The click that the order names proves by itself that it came before.
        #expect(try attribution([touch(1, age: -600_000)], click: uuid(1)).leading?.evidence == .click)
    }

    @Test func `whole seconds are compared as seconds`() throws {
        // A shop that sends 10:30:00 for an order at 10:30:00.9 meets a click of 10:30:00.5, and the window's end.
        #expect(try attribution([touch(1, age: 30 * day - 999)]).leading?.reason == nil)
    }

    @Test func `filtered clicks, inactive partners and self referrals pay nothing and say so`() throws {
        #expect(try attribution([touch(1, isValid: false)]).leading?.reason == .clickFiltered)
        #expect(try attribution([], customer: "self-1").leading?.reason == .selfReferral)
        let inactive = [PartnerFacts(id: partner, referralCode: "PARTNER001", isActive: false)]
        #expect(try attribution([], partners: inactive).leading?.reason == .partnerInactive)
    }

    @Test func `a filtered click does not hide a valid one`() throws {
        let found = try attribution([touch(1, age: 2 * day), touch(2, age: day, isValid: false)])
        #expect(found.leading?.clickID == uuid(1))
        #expect(found.leading?.reason == nil)
    }

    @Test func `an operator's attribution overrules`() throws {
        let act = OperatorAct(id: uuid(9), partnerID: rival, by: "admin", reason: "phone order")
        let found = try attribution([fact(.attribution(act), at: orderTime + day)], code: "NOBODY")
        #expect(found.leading?.partnerID == rival)
        #expect(found.leading?.evidence == .operator)
    }

    @Test func `a field that a newer version leaves out keeps what the older said`() {
        let facts = [
            fact(.created(order(1000, click: uuid(1)))),
            fact(.updated(order(900, version: 2, code: nil)), at: orderTime + 1000),
        ]
        let state = reduce(facts)
        #expect(state.choice?.referralCode == "PARTNER001")
        #expect(state.awaitedClickID == uuid(1))
        #expect(reduce(facts + [touch(1)]).awaitedClickID == nil)
    }

    @Test(arguments: [
        (AttributionModel.lastClick, 1, [10_000]), (.firstClick, 3, [10_000, 0, 0]), (.lastClick, 3, [0, 0, 10_000]),
        (.linear, 3, [3334, 3333, 3333]), (.linear, 7, [1429, 1429, 1429, 1429, 1428, 1428, 1428]),
        (.positionBased, 1, [10_000]), (.positionBased, 2, [5000, 5000]), (.positionBased, 3, [4000, 2000, 4000]),
        (.positionBased, 5, [4000, 667, 667, 666, 4000]), (.timeDecay, 2, [3333, 6667]),
    ])
    func `models share ten thousand basis points`(model: AttributionModel, touches: Int, expected: [Int64]) {
        let times = (0..<touches).map { instant(orderTime - Int64(touches - 1 - $0) * 7 * day) }
        let shares = basisPoints(model, times: times, halfLife: .seconds(7 * 86_400))
        #expect(shares == expected)
        #expect(shares.reduce(0, +) == 10_000)
    }

    @Test func `ancient touches do not make time decay vanish`() {
        let times = [instant(orderTime - 4000 * day), instant(orderTime - 3993 * day)]
        #expect(basisPoints(.timeDecay, times: times, halfLife: .seconds(7 * 86_400)) == [3333, 6667])
    }

    @Test func `shared money sums to the whole`() throws {
        let facts = [
            fact(.created(order(1001, code: nil))), touch(1, age: 3 * day), touch(2, of: rival, age: 2 * day),
            touch(3, age: day), confirmation,
        ]
        for model in [AttributionModel.linear, .positionBased, .timeDecay] {
            let target = priced(facts, context([policy(percent(10))], model: model))
            #expect(target.perPartner.map(\.basisPoints).reduce(0, +) == 10_000)
            #expect(target.perPartner.map(\.money.minorUnits).reduce(0, +) == 100)
            #expect(target.perPartner.count == 2)
        }
    }

    @Test func `a partner by code alone joins the journey of others`() throws {
        let found = try attribution([touch(1, of: rival)], model: .linear)
        #expect(found.shares.map(\.basisPoints) == [5000, 5000])
        #expect(found.shares.map(\.partnerID) == [rival, partner])
    }
}
