import itertools
import json
import unittest
from fractions import Fraction

from amounts import HALF_EVEN, HALF_UP, minor_units, rounded
from expected_money import differences, expected
from order_rules import Unsupported

AT = "2026-11-03T10:00:00Z"


def policy(**settings):
    return {"policyCode": "P", "validFrom": "2026-01-01", "validUntil": "2026-12-31", **settings}


def programme(*policies, **settings):
    return {"partners": [{"referralCode": "A", "tier": "gold", "customerIds": ["self"]},
                         {"referralCode": "B", "tier": "bronze"}, {"referralCode": "OFF", "isActive": False}],
            "products": {"boot": {"category": "shoes"}}, "policies": list(policies), **settings}


def event(kind, identifier=None, **fields):
    body = {"id": identifier or kind, "type": f"order.{kind}", "orderId": "o-1", "occurredAt": AT, **fields}
    return {"event": body, "source": "shop"}


def created(amount, **fields):
    return event("created", **{"orderAmount": amount, "currency": "KRW", "referralCode": "A", "version": 1, **fields})


def refund(identifier, amount=None, **fields):
    return event("refunded", identifier, refundId=identifier, refundAmount=amount, **fields)


def outcomes(rows, policies, clicks=None):
    lines = [json.dumps(row) for row in rows]
    result = list(expected(lines, policies, clicks or {}))
    return [(outcome.conversion, dict(outcome.commissions)) for _, _, allowed in result for outcome in allowed]


class Rounding(unittest.TestCase):
    def test_halves(self):
        halves = [Fraction(-1, 2), Fraction(-3, 2), Fraction(-5, 2)]
        self.assertEqual([rounded(half, HALF_EVEN) for half in halves], [0, -2, -2])
        self.assertEqual([rounded(half, HALF_UP) for half in halves], [-1, -2, -3])

    def test_amounts_are_read_exactly(self):
        self.assertEqual(minor_units("12.345", "KWD"), 12345)
        self.assertEqual(minor_units("10000.00", "KRW"), 10000)
        self.assertEqual(minor_units("0.10", "USD"), 10)
        with self.assertRaises(ValueError):
            minor_units("1.5", "KRW")


class Vectors(unittest.TestCase):
    def commission(self, rows, *policies):
        found = outcomes(rows, programme(*policies))
        self.assertEqual(len(found), 1)
        return found[0][1].get("A", 0)

    def entries(self, order, refunds, rule):
        """The ledger entries of an order that is confirmed and then refunded step by step."""
        rows = [order, event("confirmed")]
        amounts = [self.commission(rows, rule)]
        for number, amount in enumerate(refunds):
            rows.append(refund(f"r{number}", amount))
            amounts.append(self.commission(rows, rule))
        return [amounts[0]] + [after - before for before, after in itertools.pairwise(amounts)]

    def test_ten_refunds_claw_back_exactly_everything(self):
        for mode, wanted in [(HALF_EVEN, [5, -1, 0, 0, -1, -1, 0, 0, -1, -1, 0]),
                             (HALF_UP, [5, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1])]:
            rule = policy(commissionRate="5", rounding=mode)
            self.assertEqual(self.entries(created(100), [10] * 10, rule), wanted)

    def test_a_capped_commission_is_computed_anew(self):
        rule = policy(commissionRate="10", maxCommission=5000)
        self.assertEqual(self.entries(created(100000), [40000, 20000, 40000], rule), [5000, 0, -1000, -4000])

    def test_currencies(self):
        for amount, currency, rate, even, up in [
                ("33333", "KRW", "7", 2333, 2333), ("150", "JPY", "3", 4, 5), ("12.345", "KWD", "2.5", 309, 309)]:
            rows = [created(amount, currency=currency), event("confirmed")]
            self.assertEqual(self.commission(rows, policy(commissionRate=rate)), even)
            self.assertEqual(self.commission(rows, policy(commissionRate=rate, rounding=HALF_UP)), up)

    def test_the_permutation_law_and_doubles(self):
        history = [created(10000), event("updated", orderAmount=8000, version=2, currency="KRW", referralCode="A"),
                   refund("r1", 1000), refund("r2", 500), event("confirmed")]
        rule = policy(commissionRate="10")
        for order in itertools.permutations(history):
            doubled = [row for row in order for _ in range(2)]
            self.assertEqual(outcomes(doubled, programme(rule)), [("partial_refund", {"A": 650})])
        cancelled = history[:-1] + [event("cancelled", reason="no")]
        self.assertEqual(outcomes(cancelled, programme(rule)), [("cancelled", {"A": 0})])

    def test_the_specified_refund(self):
        rows = [created(100000), event("confirmed"), refund("r", 50000, refundQuantity=0)]
        self.assertEqual(outcomes(rows, programme(policy(commissionRate="10"))), [("partial_refund", {"A": 5000})])


class States(unittest.TestCase):
    RULES = programme(policy(commissionRate="10"))

    def test_life_of_an_order(self):
        self.assertEqual(outcomes([event("confirmed")], self.RULES), [(None, {})])
        self.assertEqual(outcomes([event("cancelled")], self.RULES), [("cancelled", {})])
        self.assertEqual(outcomes([created(100)], self.RULES), [("pending", {})])
        self.assertEqual(outcomes([created(100), event("confirmed")], self.RULES), [("confirmed", {"A": 10})])
        self.assertEqual(outcomes([created(100), event("cancelled")], self.RULES), [("cancelled", {"A": 0})])
        everything = [created(100), event("confirmed"), refund("r", 100)]
        self.assertEqual(outcomes(everything, self.RULES), [("refunded", {"A": 0})])

    def test_a_stale_version_changes_nothing(self):
        rows = [created(100, version=5), event("updated", version=4, orderAmount=900), event("confirmed")]
        self.assertEqual(outcomes(rows, self.RULES), [("confirmed", {"A": 10})])

    def test_a_refund_is_one_refund_and_can_be_taken_back(self):
        rows = [created(100), event("confirmed"), refund("r", 30, version=1),
                event("refunded", "again", refundId="r", refundAmount=30, version=1)]
        self.assertEqual(outcomes(rows, self.RULES), [("partial_refund", {"A": 7})])
        rows.append(event("refunded", "back", refundId="r", refundAmount=30, version=2, removed=True))
        self.assertEqual(outcomes(rows, self.RULES), [("confirmed", {"A": 10})])

    def test_a_refund_is_in_the_currency_of_its_order(self):
        dollars = [created("100.00", currency="USD"), event("confirmed")]
        for fields, wanted in [({}, 950), ({"currency": "USD"}, 950), ({"currency": "KRW"}, 1000)]:
            for rows in [[*dollars, refund("r", 5, **fields)], [refund("r", 5, **fields), *dollars]]:
                self.assertEqual(outcomes(rows, self.RULES)[0][1], {"A": wanted})
        # Won have no tenths: the refund cannot be meant.
        rows = [created(100), event("confirmed"), refund("r", "10.5")]
        self.assertEqual(outcomes(rows, self.RULES), [("confirmed", {"A": 10})])
        # A refused version of a refund is none.
        rows = [*dollars, refund("r", 5, version=1), event("refunded", "r2", refundId="r", refundAmount=900,
                                                           currency="KRW", version=2)]
        self.assertEqual(outcomes(rows, self.RULES), [("partial_refund", {"A": 950})])

    def test_refunds_by_quantity_and_above_the_order(self):
        rows = [created(100, quantity=3), event("confirmed")]
        for number, wanted in [(1, 7), (2, 3), (3, 0), (4, 0)]:
            rows.append(event("refunded", f"q{number}", refundQuantity=1))
            self.assertEqual(outcomes(rows, self.RULES)[0][1], {"A": wanted})

    def test_unknown_inactive_and_own_orders_earn_nothing(self):
        for fields, wanted in [({"referralCode": "NONE"}, {}), ({"referralCode": "OFF"}, {"OFF": 0}),
                               ({"customerId": "self"}, {"A": 0})]:
            rows = [created(100, **fields), event("confirmed")]
            self.assertEqual(outcomes(rows, self.RULES), [("confirmed", wanted)])

    def test_an_adjustment_shrinks_with_later_refunds(self):
        adjust = {"operator": "adjust", "id": "a1", "orderId": "o-1", "partner": "A", "newAmountMinor": 50}
        rows = [created(1000), event("confirmed"), refund("r", 500)]
        self.assertEqual(outcomes(rows + [{**adjust, "netBaseMinor": 1000}], self.RULES)[0][1], {"A": 25})
        open_base = outcomes(rows + [adjust], self.RULES)
        self.assertEqual({commissions["A"] for _, commissions in open_base}, {25, 50})
        cancel = {"operator": "cancel", "id": "c1", "orderId": "o-1", "partner": "A"}
        self.assertEqual(outcomes(rows + [adjust, cancel], self.RULES)[0][1], {"A": 0})

    def test_an_open_event_allows_both_ends(self):
        lost = {**refund("r", 50), "may": True}
        found = outcomes([created(100), event("confirmed"), lost], self.RULES)
        self.assertEqual(sorted(found, key=str), [("confirmed", {"A": 10}), ("partial_refund", {"A": 5})])
        # The same id with an answer makes it certain.
        self.assertEqual(len(outcomes([created(100), event("confirmed"), lost, refund("r", 50)], self.RULES)), 1)

    def test_one_id_with_two_bodies_is_one_of_them(self):
        found = outcomes([created(100), created(200), event("confirmed")], self.RULES)
        self.assertEqual({commissions["A"] for _, commissions in found}, {10, 20})

    def test_a_click_decides_and_its_window_counts(self):
        rows = [created(100, clickId="c"), event("confirmed")]
        at = 1_793_700_000_000  # shortly before the order
        for click, wanted in [({"at": at}, {"B": 10}), ({"at": at - 40 * 86_400_000}, {"B": 0}),
                              ({"at": at, "status": "bot"}, {"B": 0})]:
            self.assertEqual(outcomes(rows, self.RULES, {"c": {"referralCode": "B", **click}})[0][1], wanted)


class PolicyChoice(unittest.TestCase):
    def amount(self, *policies, **fields):
        return outcomes([created(10000, **fields), event("confirmed")], programme(*policies))[0][1]["A"]

    def test_priority_then_specificity_then_version_then_code(self):
        low = policy(policyCode="L", commissionRate="1")
        self.assertEqual(self.amount(low, policy(policyCode="H", priority=1, commissionRate="2")), 200)
        self.assertEqual(self.amount(low, policy(policyCode="T", partnerTier="gold", commissionRate="3")), 300)
        self.assertEqual(self.amount(low, policy(policyCode="T", partnerTier="bronze", commissionRate="3")), 100)
        self.assertEqual(self.amount(low, policy(policyCode="L", version=2, commissionRate="4")), 400)
        self.assertEqual(self.amount(low, policy(policyCode="K", commissionRate="5")), 500)
        self.assertEqual(
            self.amount(low, policy(policyCode="C", category="shoes", commissionRate="6"), productId="boot"), 600)

    def test_conditions(self):
        low = policy(policyCode="L", commissionRate="1")
        promotion = policy(policyCode="N", requiresNewCustomer=True, priority=9, commissionRate="15")
        self.assertEqual(self.amount(low, promotion), 100)
        self.assertEqual(self.amount(low, promotion, isNewCustomer=True), 1500)
        self.assertEqual(self.amount(policy(currency="USD", commissionRate="5")), 0)
        self.assertEqual(self.amount(policy(commissionRate="5", validUntil="2026-11-02")), 0)
        # The order was made at 19:00 of that day in Seoul.
        self.assertEqual(self.amount(policy(commissionRate="5", validUntil="2026-11-03")), 500)

    def test_minimum_fixed_and_tiers(self):
        self.assertEqual(self.amount(policy(commissionRate="5", minCommission=1000)), 1000)
        self.assertEqual(self.amount(policy(commissionType="FIXED", fixedAmount=700)), 700)
        # The floor of 1,000 shrinks with what is left, as any fixed amount does.
        rows = [created(10000), event("confirmed"), refund("r", 5000)]
        rules = programme(policy(commissionRate="5", minCommission=1000))
        self.assertEqual(outcomes(rows, rules), [("partial_refund", {"A": 500})])
        steps = [{"threshold": 0, "rate": "5"}, {"threshold": 4000, "rate": "10"}]
        for mode, wanted in [("marginal", 800), ("prospective", 1000)]:
            tiers = {"mode": mode, "steps": steps}
            self.assertEqual(self.amount(policy(commissionType="TIERED", tiers=tiers)), wanted)

    def test_lines_pick_their_own_policies(self):
        lines = [{"id": "1", "productId": "boot", "quantity": 2, "net": 6000}, {"id": "2", "net": 4000}]
        rows = [created(10000, lines=lines), event("confirmed"),
                event("refunded", "r", lines=[{"lineId": "1", "quantity": 1}])]
        rules = programme(policy(policyCode="L", commissionRate="1"),
                          policy(policyCode="C", category="shoes", commissionRate="10"))
        self.assertEqual(outcomes(rows, rules)[0], ("partial_refund", {"A": 340}))

    def test_a_limit_that_binds_is_not_guessed(self):
        with self.assertRaises(Unsupported):
            self.amount(policy(commissionRate="5", maxUsageTotal=0))


class Comparison(unittest.TestCase):
    def test_it_finds_what_is_wrong_missing_and_too_much(self):
        rows = list(expected([json.dumps(created(100)), json.dumps(event("confirmed"))],
                             programme(policy(commissionRate="10")), {}))
        right = {"source": "shop", "orderId": "o-1", "conversion": "confirmed", "currency": "KRW",
                 "commissions": [{"partner": "A", "amountMinor": 10}]}
        self.assertEqual(list(differences(rows, [right])), [])
        wrong = {**right, "commissions": [{"partner": "A", "amountMinor": 9}]}
        for actual in [[wrong], [], [right, {**right, "orderId": "o-2"}]]:
            self.assertEqual(len(list(differences(rows, actual))), 1)


if __name__ == "__main__":
    unittest.main()
