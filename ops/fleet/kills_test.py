import random
import unittest

import kills
from kills import KILL, PAIRS, STOP, Strike, make_plan, shortcomings
from recorder import STAGES, Moment

MOMENTS = {"leased": Moment(leased=1), "in transaction": Moment(1, 1), "between commit and acknowledge": Moment(1, 0, 1),
           "sending": Moment(1, 0, 0, 1)}


def carried_out(plan):
    """As if each strike had met what it was aimed at."""
    for strike in plan:
        strike.moment = MOMENTS.get(strike.wanted, Moment())
    return plan


class Plans(unittest.TestCase):
    def test_a_plan_that_meets_its_aims_lacks_nothing(self):
        for seed in range(50):
            plan = make_plan(random.Random(seed), 60)
            self.assertEqual(list(shortcomings(carried_out(plan), 60)), [])
            self.assertEqual(sum(strike.action == KILL for strike in plan), 60)

    def test_the_seed_decides(self):
        plans = [[(strike.name, strike.action, strike.wanted) for strike in make_plan(random.Random(seed), 60)]
                 for seed in (1, 1, 2)]
        self.assertEqual(plans[0], plans[1])
        self.assertNotEqual(plans[0], plans[2])


class Shortcomings(unittest.TestCase):
    def without(self, leave_out):
        plan = carried_out(make_plan(random.Random(3), 60))
        return list(shortcomings([strike for strike in plan if not leave_out(strike)], 1))

    def test_too_few_kills(self):
        self.assertEqual(list(shortcomings(carried_out(make_plan(random.Random(3), 60)), 61)), ["60 kills of 61"])

    def test_each_stage_must_be_met_five_times(self):
        for stage in STAGES:
            problems = self.without(lambda strike, stage=stage: strike.moment.stages == {stage})
            self.assertTrue(any(stage in problem for problem in problems), stage)

    def test_a_stop_in_a_stage_is_no_kill_in_it(self):
        plan = [Strike("webhook-1", STOP) for _ in range(9)]
        for strike in plan:
            strike.moment = MOMENTS["sending"]
        self.assertEqual(kills.stage_counts(plan), {})
        self.assertEqual(kills.stage_counts(plan, STOP), {"sending": 9})

    def test_a_click_worker_must_be_killed_with_clicks_in_hand(self):
        self.assertIn("click workers were killed idle only", self.without(
            lambda strike: strike.kind == "click" and strike.moment.stages))

    def test_everybody_has_a_turn(self):
        for name in ["ingest", "redis", *PAIRS]:
            self.assertTrue(any(name in problem for problem in self.without(
                lambda strike, name=name: strike.name == name and strike.action == KILL)), name)
        for kind in ("ingest", "redis", "scheduler", "webhook"):
            self.assertTrue(any(kind in problem for problem in self.without(
                lambda strike, kind=kind: strike.kind == kind and strike.action == STOP)), kind)


class Reports(unittest.TestCase):
    def test_a_strike_says_what_it_met(self):
        strike = Strike("webhook-1")
        strike.moment = Moment(leased=5, requests=2)
        self.assertEqual(str(strike), "webhook-1 kill -9: 5 jobs leased, 2 webhooks being sent")
        self.assertEqual(kills.report([strike])[:2], [
            "   1 × webhook kill -9", "kill -9: 0 leased, 0 in transaction, 0 between commit and acknowledge, 1 sending"])


if __name__ == "__main__":
    unittest.main()
