import json
import unittest

from expected_money import differences, expected

AT = "2026-11-03T10:00:00Z"
RULES = {"partners": [{"referralCode": "A"}], "policies": [
    {"policyCode": "P", "validFrom": "2026-01-01", "validUntil": "2026-12-31", "commissionRate": "10"}]}


def line(kind, identifier, may=False, **fields):
    return {"event": {"id": identifier, "type": f"order.{kind}", "orderId": "o-1", "occurredAt": AT, **fields},
            "source": "shop", "may": may}


def created(amount=1000, version=1, kind="created", **fields):
    return line(kind, f"v{version}", orderAmount=amount, currency="KRW", referralCode="A", version=version, **fields)


def refund(identifier, amount, **fields):
    return line("refunded", identifier, refundId=identifier, refundAmount=amount, **fields)


def adjust(amount, **fields):
    return {"operator": "adjust", "id": "act", "orderId": "o-1", "partner": "A", "newAmountMinor": amount, "at": AT, **fields}


def rows(lines):
    return list(expected([json.dumps(one) for one in lines], RULES, {}))


def amounts(lines):
    return sorted(dict(outcome.commissions).get("A", 0) for outcome in rows(lines)[0][2])


class OpenOutcomes(unittest.TestCase):
    def is_accepted(self, lines, conversion, amount):
        actual = {"source": "shop", "orderId": "o-1", "conversion": conversion, "currency": "KRW",
                  "commissions": [{"partner": "A", "amountMinor": amount}]}
        return not list(differences(rows(lines), [actual]))

    def test_each_event_without_an_answer_has_happened_or_not_and_nothing_else(self):
        lines = [created(), line("confirmed", "c"), refund("r1", 100, may=True), refund("r2", 300, may=True)]
        self.assertEqual(amounts(lines), [60, 70, 90, 100])
        for amount in range(0, 120, 5):
            conversion = "confirmed" if amount == 100 else "partial_refund"
            self.assertEqual(self.is_accepted(lines, conversion, amount), amount in (60, 70, 90, 100), amount)

    def test_an_order_of_which_nothing_is_certain_may_be_absent(self):
        lines = [created(may=True)]
        self.assertEqual(list(differences(rows(lines), [])), [])
        self.assertTrue(self.is_accepted(lines, "pending", 0))
        self.assertFalse(self.is_accepted(lines, "confirmed", 100))

    def test_an_act_without_an_answer_has_happened_or_not(self):
        lines = [created(), line("confirmed", "c"), adjust(77, may=True)]
        self.assertEqual(amounts(lines), [77, 100])
        self.assertEqual(amounts([*lines[:2], adjust(77)]), [77])

    def test_an_adjustment_stands_on_the_events_that_were_known(self):
        lines = [created(), created(2000, version=2, kind="updated"), line("confirmed", "c"), refund("r1", 500),
                 refund("r2", 500)]
        for after, wanted in [(["v1", "c"], [100]), (["v1", "v2", "c"], [50]), (["v1", "c", "r1"], [200]),
                              (["v1", "v2", "c", "r1", "r2"], [100])]:
            self.assertEqual(amounts([*lines, adjust(100, afterEvents=after)]), wanted, after)
        self.assertGreater(len(amounts([*lines, adjust(100)])), 2)


if __name__ == "__main__":
    unittest.main()
