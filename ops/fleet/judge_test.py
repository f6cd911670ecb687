import json
import pathlib
import tempfile
import unittest

import judge
from orders import policies


class StoredEvents(unittest.TestCase):
    def problems(self, stored, sent=("a", "b", "c"), certain=("a", "b")):
        return list(judge.stored_events(set(sent), set(certain), stored))

    def test_an_open_event_may_be_there_or_not(self):
        good = {"a": ("applied", 0), "b": ("stale", 0)}
        self.assertEqual(self.problems(good), [])
        self.assertEqual(self.problems({**good, "c": ("applied", 0)}), [])

    def test_lost_foreign_refused_and_conflicting_ones_are_found(self):
        good = {"a": ("applied", 0), "b": ("duplicate", 0)}
        for stored in ({"a": ("applied", 0)}, {**good, "x": ("applied", 0)}, {**good, "c": ("refused", 0)},
                       {**good, "c": ("applied", 1)}):
            self.assertEqual(len(self.problems(stored)), 1, stored)


class Clicks(unittest.TestCase):
    def problems(self, *stored, accepted=(("c1", "s1"),), unanswered=("s2",)):
        return list(judge.clicks(dict(accepted), set(unanswered), stored))

    def test_an_open_click_may_be_there_or_not(self):
        good = ("c1", "s1", "valid")
        self.assertEqual(self.problems(good), [])
        self.assertEqual(self.problems(good, ("c2", "s2", "valid")), [])

    def test_each_flaw_is_found(self):
        good, other = ("c1", "s1", "valid"), ("c2", "s2", "valid")
        for stored in ([], [good, good], [("c9", "s1", "valid")], [good, other, other], [good, ("c3", "s3", "valid")],
                       [("c1", "s1", "duplicate")]):
            self.assertEqual(len(self.problems(*stored)), 1, stored)


class Deliveries(unittest.TestCase):
    OWED = {"event": "msg_1", "path": "/A", "sha256": "s1", "status": "delivered", "attempt": 1}
    RECEIVED = {"id": "msg_1", "path": "/A", "sha256": "s1", "verified": True}

    def test_once_or_twice_with_the_same_bytes_is_right(self):
        self.assertEqual(list(judge.deliveries([self.OWED], [self.RECEIVED])), [])
        self.assertEqual(list(judge.deliveries([self.OWED], [self.RECEIVED] * 2)), [])

    def test_each_flaw_is_found(self):
        owed, received = self.OWED, self.RECEIVED
        for rows, journal in (
                ([owed], []),
                ([owed], [{**received, "path": "/B"}]),
                ([owed], [received, {**received, "sha256": "s2"}]),
                ([{**owed, "sha256": "other"}], [received]),
                ([{**owed, "status": "owed"}], [received]),
                ([{**owed, "attempt": 2}], [received]),
                ([owed, owed], [received]),
                ([owed], [received, {**received, "id": "msg_2"}]),
                ([owed], [received, {**received, "verified": False, "reason": "no"}]),
                ([owed], [{**received, "verified": False, "reason": "no"}])):
            self.assertTrue(list(judge.deliveries(rows, journal)), (rows, journal))


class Queues(unittest.TestCase):
    REST = {"queue": "webhooks", "failedTotal": 0, "dead": 0, "leased": 0, "ready": 0}

    def test_a_queue_at_rest_has_nothing(self):
        self.assertEqual(list(judge.queues_at_rest([self.REST])), [])
        for what in ("failedTotal", "dead", "leased", "ready"):
            self.assertEqual(len(list(judge.queues_at_rest([self.REST, {**self.REST, what: 3}]))), 1, what)

    def test_only_new_charges_count(self):
        before = {"a": (1, 0), "b": (0, 2)}
        self.assertEqual(list(judge.counted_against_jobs(before, {"a": (1, 0)})), [])
        for after in ({"a": (2, 0)}, {"b": (0, 3)}, {"c": (0, 1)}, {"c": (1, 0)}):
            self.assertEqual(len(list(judge.counted_against_jobs(before, after))), 1, after)

    def test_a_rebuild_brings_back_each_step_that_was_owed(self):
        answer = {"steps": [{"what": "pricings", "owed": "5", "enqueued": "5", "dead": "0"}]}
        self.assertEqual(list(judge.rebuilt({"pricings": 5, "deliveries": 0}, answer)), [])
        self.assertEqual(len(list(judge.rebuilt({"pricings": 5, "deliveries": 2}, answer))), 1)
        self.assertEqual(len(list(judge.rebuilt({"pricings": 6}, answer))), 1)
        self.assertTrue(list(judge.rebuilt({"pricings": 0, "deliveries": 0}, {"steps": []})))


class Acts(unittest.TestCase):
    def test_an_adjustment_needs_its_fact_unless_it_is_open(self):
        act = {"operator": "adjust", "orderId": "o-1", "may": False}
        self.assertEqual(len(list(judge.acts([dict(act)], {}))), 1)
        self.assertEqual(list(judge.acts([{**act, "may": True}, {**act, "operator": "cancel"}], {})), [])

    def test_what_was_known_goes_to_the_oracle(self):
        act = {"operator": "adjust", "orderId": "o-1", "may": False}
        self.assertEqual(list(judge.acts([act], {"o-1": {"e2", "e1"}})), [])
        self.assertEqual(act["afterEvents"], ["e1", "e2"])


class Oracle(unittest.TestCase):
    EVENTS = [{"id": f"o-1-{number}", "type": f"order.{kind}", "orderId": "o-1", "occurredAt": "2026-11-20T00:00:00.000Z", **fields}
              for number, (kind, fields) in enumerate((
                  ("created", {"orderAmount": 100000, "currency": "KRW", "version": 1, "referralCode": "GOLD001"}),
                  ("confirmed", {})))]

    def verdict(self, amount, summary, refund=None):
        lines = [{"event": event, "may": False, "source": "shop"} for event in self.EVENTS]
        if refund:
            lines.append({**lines[1], "event": {**self.EVENTS[1], "type": "order.refunded", "id": "r", **refund}})
        actual = json.dumps({"source": "shop", "orderId": "o-1", "conversion": "confirmed", "currency": "KRW",
                             "commissions": [{"partner": "GOLD001", "amountMinor": amount}]})
        with tempfile.TemporaryDirectory() as folder:
            return list(judge.oracle(pathlib.Path(folder), lines, policies(2026), [actual], summary))

    def test_it_holds_commissions_against_the_seeded_policies(self):
        summary = []
        self.assertEqual(self.verdict(10000, summary), [])
        self.assertEqual(json.loads(summary[0])["orders"], 1)
        self.assertEqual(["may be" in problem for problem in self.verdict(9999, [])], [True])

    def test_what_it_cannot_compute_is_a_problem(self):
        self.assertIn("cannot be computed", self.verdict(10000, [], {"lines": [{"lineId": "1"}]})[0])


if __name__ == "__main__":
    unittest.main()
