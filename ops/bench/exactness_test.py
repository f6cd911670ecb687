"""The checks of exactness must be able to fail: they are shown what is lost, double, refused or left over."""
import pathlib
import types
import unittest
from unittest import mock

import ingest
import jobs
import order_work
from lib.bench import Bench
from lib.report import OURS, Report


class ExactnessTests(unittest.TestCase):
    def setUp(self):
        self.report = Report()
        self.bench = Bench(self.report, 1, True, False, pathlib.Path("none"))
        self.addCleanup(self.bench.clean_up)

    def test_each_job_exactly_once_over_all_workers(self):
        jobs.exactly_once(self.bench, "right", [bytes([1, 0, 1]), bytes([0, 1, 0])], 3)
        self.assertTrue(self.report.is_right)

    def test_a_lost_job_a_double_one_and_a_missing_count_are_wrong(self):
        for counts in ([bytes([1, 0, 0]), bytes([0, 1, 0])], [bytes([1, 1, 1]), bytes([0, 1, 0])], [bytes([2, 1, 1])],
                       [bytes([1, 1])]):
            self.setUp()
            jobs.exactly_once(self.bench, "wrong", counts, 3)
            self.assertFalse(self.report.is_right, counts)

    def ingest_run(self, seen, stored):
        candidate = types.SimpleNamespace(who=OURS, pid=1, stored=lambda: stored, forget=lambda: None)
        with mock.patch("ingest.load", return_value={"p50": 1, "p99": 2, **seen}), \
                mock.patch("lib.processes.cpu_seconds", side_effect=[0, 1]):
            ingest.one_run(self.bench, candidate, 1, 1)
        return self.report.is_right

    def test_what_was_acknowledged_must_be_stored_and_nothing_else(self):
        answers = {"requests": 100, "refused": 0, "broken": 0}
        self.assertTrue(self.ingest_run(answers, stored=100))
        self.assertFalse(self.ingest_run(answers, stored=99))
        self.setUp()
        self.assertFalse(self.ingest_run(answers, stored=101))

    def test_a_refused_or_broken_request_is_wrong(self):
        self.assertFalse(self.ingest_run({"requests": 100, "refused": 1, "broken": 0}, stored=99))
        self.setUp()
        self.assertFalse(self.ingest_run({"requests": 100, "refused": 0, "broken": 1}, stored=100))

    def order_run(self, counts, follow_ups=("a", "b", "c")):
        self.setUp()
        order_work.check(self.bench, types.SimpleNamespace(query=lambda sql: [counts]), OURS, 3, follow_ups)
        return self.report.is_right

    def test_each_order_has_its_row_its_key_its_account_its_amount_and_its_follow_up_once(self):
        self.assertTrue(self.order_run("3|3|3|3|3"))
        for counts in ("2|2|3|3|2", "4|3|3|3|4", "3|3|2|3|3", "3|3|3|4|3", "3|3|3|3|2"):
            self.assertFalse(self.order_run(counts), counts)
        for follow_ups in (("a", "b"), ("a", "b", "b"), ("a", "b", "c", "c"), ("a", "b", "c", "d")):
            self.assertFalse(self.order_run("3|3|3|3|3", follow_ups), follow_ups)


if __name__ == "__main__":
    unittest.main()
