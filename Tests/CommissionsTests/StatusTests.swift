import Commissions
import Core
import Testing

@Suite("States")
struct StatusTests {
    @Test func `people go only along the drawn ways`() {
        let ways: [CommissionAct: CommissionStatus] = [
            .confirm: .confirmed, .hold: .held, .cancel: .cancelled, .pay: .paid,
        ]
        for (act, goal) in ways {
            for status in CommissionStatus.allCases {
                let isLegal = act.refusal(from: status) == nil
                // A release goes back to either, everything else has one goal; a held one is confirmed by releasing it.
                #expect(!isLegal || status.exits.contains(goal), "\(act) from \(status)")
            }
        }
        #expect(CommissionStatus.held.exits.isSuperset(of: [.pending, .confirmed]))
        for status in [CommissionStatus.paid, .cancelled, .notPayable] { #expect(status.exits.isEmpty) }
    }

    @Test func `a paid commission is not adjusted`() {
        let refusal = CommissionAct.adjust.refusal(from: .paid)
        #expect(refusal?.isBadRequest == true)
        #expect(refusal?.message == "Cannot adjust paid commission")
        #expect(CommissionAct.pay.refusal(from: .pending)?.isBadRequest == false)
        #expect(CommissionAct.adjust.refusal(from: .held) == nil)
    }

    @Test func `facts move a state only where it says`() {
        for standing in [PartnerTarget.Standing.live, .cancelled, .notPayable] {
            for status in CommissionStatus.allCases {
                let next = CommissionStatus.projected(from: status, onto: standing)
                #expect(next == status || status.factExits.contains(next))
            }
        }
        #expect(CommissionStatus.projected(from: nil, onto: .live) == .pending)
        #expect(CommissionStatus.projected(from: nil, onto: .cancelled) == .cancelled)
        #expect(CommissionStatus.projected(from: .cancelled, onto: .live) == .pending)
        #expect(CommissionStatus.projected(from: .confirmed, onto: .live) == .confirmed)
        #expect(CommissionStatus.projected(from: .paid, onto: .cancelled) == .paid)
    }

    @Test func `a conversion ends for people when it is cancelled or refunded`() {
        #expect(ConversionStatus.cancelled.exits.isEmpty)
        #expect(ConversionStatus.refunded.exits.isEmpty)
        #expect(ConversionStatus.pending.exits.contains(.confirmed))
    }

    @Test func `a delta is posted where the money lies`() {
        let born = Posting(delta: 5, status: nil)
        #expect(born?.kind == .accrual)
        #expect(born?.debit == .programmeExpense)
        #expect(born?.credit == .partnerPending)
        let reversed = Posting(delta: -5, status: .held)
        #expect(reversed?.kind == .reversal)
        #expect(reversed?.debit == .partnerHeld)
        #expect(reversed?.amount == 5)
        let clawback = Posting(delta: -5, status: .paid)
        #expect(clawback?.kind == .clawback)
        #expect(clawback?.debit == .partnerConfirmed)
        #expect(Posting(delta: 0, status: .pending) == nil)
    }

    @Test func `a commission's money moves with its state`() {
        let confirmed = Posting(moving: 7, from: .pending, to: .confirmed)
        #expect(confirmed?.kind == .confirmation)
        #expect(confirmed?.debit == .partnerPending)
        #expect(confirmed?.credit == .partnerConfirmed)
        #expect(Posting(moving: 7, from: .confirmed, to: .held)?.kind == .hold)
        #expect(Posting(moving: 7, from: .held, to: .pending)?.kind == .release)
        #expect(Posting(moving: 7, from: .confirmed, to: .paid)?.kind == .payment)
        #expect(Posting(moving: -7, from: .pending, to: .confirmed)?.debit == .partnerConfirmed)
        #expect(Posting(moving: 0, from: .pending, to: .confirmed) == nil)
        #expect(Posting(moving: 7, from: .paid, to: .confirmed) == nil)
    }

    @Test func `deltas cover partners and currencies that the target no longer names`() throws {
        let target = priced([fact(.created(order(1000))), confirmation], context([policy(percent(10))]))
        func amount(_ id: UUID, _ minor: Int64, _ currency: Currency) -> PartnerAmount {
            PartnerAmount(partnerID: id, money: Money(minorUnits: minor, currency: currency))
        }
        let found = try deltas(
            to: target, posted: [amount(partner, 40, krw), amount(rival, 9, krw), amount(partner, 3, usd)])
        #expect(Set(found) == [amount(partner, 60, krw), amount(rival, -9, krw), amount(partner, -3, usd)])
        #expect(try deltas(to: target, posted: [amount(partner, 100, krw)]).isEmpty)
    }
}
