import Commissions
import Core

/// Short ways to say what an order's life was.
func uuid(_ number: UInt64) -> UUID { UUID(high: 0x7000, low: 0x8000_0000_0000_0000 | number) }

func instant(_ milliseconds: Int64) -> EpochMilliseconds { EpochMilliseconds(rawValue: milliseconds) }

let day: Int64 = 86_400_000
/// 2025-11-03T10:30:00Z, the time of every order that says no other.
let orderTime: Int64 = 1_762_165_800_000
let krw = Currency.named("KRW")!
let usd = Currency.named("USD")!
let kwd = Currency.named("KWD")!
let jpy = Currency.named("JPY")!
let partner = uuid(1)
let rival = uuid(2)

/// A stand-in for SHA-256 that is good enough to tell facts apart.
func digest(of body: FactBody) -> [UInt8] {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in body.data.serialized() { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return (0..<8).map { UInt8(truncatingIfNeeded: hash >> ($0 * 8)) }
}

func fact(_ body: FactBody, at time: Int64 = orderTime) -> OrderFact {
    let digest = digest(of: body)
    return OrderFact(
        seq: 0, key: body.key(digest: digest, occurredAt: instant(time)), digest: digest, occurredAt: instant(time),
        acceptedAt: instant(time + 1000), body: body)
}

func order(
    _ amount: Int64, _ currency: Currency = krw, version: Int64 = 1, base: Int64? = nil, code: String? = "PARTNER001",
    click: UUID? = nil, product: String? = nil, quantity: Int64? = nil, customer: String? = nil, isNew: Bool? = nil,
    lines: [OrderLine] = []
) -> OrderVersion {
    OrderVersion(
        version: version, currency: currency, orderAmount: amount, base: base, referralCode: code,
        clickID: click?.description, productID: product, quantity: quantity, customerID: customer,
        isNewCustomer: isNew, lines: lines)
}

/// A policy whose number does not matter.
func policy(
    _ commission: CommissionRule, conditions: PolicyConditions = PolicyConditions(), currency: Currency? = nil,
    minimum: Int64? = nil, maximum: Int64? = nil, uses: Int64? = nil, stacks: Bool = false,
    rounding: Rounding = .halfEven, refundMode: RefundMode = .proportional, createdAt: Int64 = 0
) -> Policy {
    policy(
        100, commission, conditions: conditions, currency: currency, minimum: minimum, maximum: maximum, uses: uses,
        stacks: stacks, rounding: rounding, refundMode: refundMode, createdAt: createdAt)
}

func policy(
    _ number: UInt64, code: String? = nil, version: Int64 = 1, priority: Int64 = 0,
    _ commission: CommissionRule, conditions: PolicyConditions = PolicyConditions(), currency: Currency? = nil,
    minimum: Int64? = nil, maximum: Int64? = nil, uses: Int64? = nil, stacks: Bool = false,
    rounding: Rounding = .halfEven, refundMode: RefundMode = .proportional, createdAt: Int64 = 0
) -> Policy {
    Policy(
        id: uuid(number), code: code ?? "P\(number)", version: version, priority: priority, conditions: conditions,
        commission: commission, currency: currency, minCommission: minimum, maxCommission: maximum,
        maxUsageTotal: uses, stacks: stacks, rounding: rounding, refundMode: refundMode,
        createdAt: instant(createdAt))
}

func percent(_ percent: Int64) -> CommissionRule { .percentage(Rate(partsPerMillion: percent * 10_000)) }

func context(
    _ policies: [Policy], model: AttributionModel = .lastClick, partners: [PartnerFacts]? = nil,
    categories: [String: String] = [:]
) -> PricingContext {
    PricingContext(
        programme: Programme(id: "default", model: model),
        partners: partners ?? [
            PartnerFacts(id: partner, referralCode: "PARTNER001", tier: "gold", customerIDs: ["self-1"]),
            PartnerFacts(id: rival, referralCode: "PARTNER002", tier: "silver"),
        ],
        categories: categories, policies: policies)
}

/// Facts priced at once.
func priced(_ facts: [OrderFact], _ context: PricingContext) -> Target {
    let state = reduce(facts)
    return target(state, Catalogue(freezing: state, context: context))
}

/// A refund by amount, as a fact.
func refund(
    _ id: String, _ amount: Int64?, quantity: Int64? = nil, version: Int64 = 1, lines: [RefundLine] = [],
    isRemoved: Bool = false, at time: Int64 = orderTime + day
) -> OrderFact {
    fact(
        .refund(
            Refund(
                refundID: id, version: version, amount: amount, quantity: quantity, lines: lines, isRemoved: isRemoved)),
        at: time)
}

func touch(
    _ number: UInt64, of partnerID: UUID = partner, code: String? = nil, age: Int64 = day,
    evidence: Evidence = .session, isValid: Bool = true
) -> OrderFact {
    fact(
        .touch(
            Touch(
                clickID: uuid(number), partnerID: partnerID,
                referralCode: code ?? (partnerID == partner ? "PARTNER001" : "PARTNER002"),
                clickedAt: instant(orderTime - age), isValid: isValid, evidence: evidence)),
        at: orderTime - age)
}

let confirmation = fact(.confirmed, at: orderTime + 3_600_000)
