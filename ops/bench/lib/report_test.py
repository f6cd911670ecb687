"""Tests of the table; the folder's tests are run with this folder in the path."""
import unittest

from report import OURS, Report, number, percentile


class ReportTests(unittest.TestCase):
    def test_the_ratio_is_our_median_over_the_peers(self):
        report = Report()
        for value in (100, 300, 200):
            report.record("jobs", value, "jobs/s")
        report.record("jobs", 50, "jobs/s", who="peer")
        rows = {row["who"]: row for row in report.summaries()}
        self.assertEqual(rows[OURS]["median"], 200)
        self.assertEqual((rows[OURS]["min"], rows[OURS]["max"]), (100, 300))
        self.assertEqual(rows["peer"]["ratio"], 4)
        self.assertIsNone(rows[OURS]["ratio"])

    def test_ours_stands_first_and_peers_beside_it(self):
        report = Report()
        report.record("jobs", 1, "jobs/s", who="peer")
        report.record("bytes", 2, "bytes")
        report.record("jobs", 3, "jobs/s")
        table = [line.split(" | ") for line in report.markdown().splitlines()[4:7]]
        self.assertEqual([line[1] for line in table], [OURS, "peer", OURS])

    def test_one_wrong_check_makes_the_report_wrong(self):
        report = Report()
        report.check("nothing lost", True)
        self.assertTrue(report.is_right)
        report.check("nothing twice", False, "3 jobs")
        self.assertFalse(report.is_right)
        self.assertIn("WRONG: nothing twice: 3 jobs", report.markdown())

    def test_each_part_has_a_table_and_notes_of_its_own(self):
        report = Report()
        for part in ("queue", "flow"):
            report.begin(part)
            report.record("jobs", 1, "jobs/s") if part == "queue" else report.record("orders", 2, "orders/s")
            report.note(f"about {part}")
        queue, flow = report.markdown().split("### ")[1:]
        self.assertTrue("| jobs |" in queue and "about queue" in queue and "flow" not in queue)
        self.assertTrue("| orders |" in flow and "about flow" in flow)

    def test_what_has_a_goal_stands_in_a_table_of_its_own_with_who_is_beside_it(self):
        report = Report()
        report.begin("queue")
        report.record("jobs", 300, "jobs/s", goal=">= 200")
        report.record("jobs", 100, "jobs/s", who="peer")
        report.record("bytes", 7, "bytes")
        goals = report.markdown().split("### ")[1]
        self.assertEqual(goals.split("\n", 1)[0], "goals")
        self.assertIn("| jobs | >= 200 | 300 jobs/s (300 to 300) | 3.00 x peer (100) |", goals)
        self.assertNotIn("bytes", goals)

    def test_percentiles_are_values_that_were_seen(self):
        ordered = list(range(1, 101))
        self.assertEqual([percentile(ordered, part) for part in (0, 0.5, 0.99, 1)], [1, 50, 99, 100])
        self.assertEqual(percentile([7], 0.5), 7)

    def test_numbers_are_short(self):
        self.assertEqual([number(value) for value in (123456.7, 99.94, 1.2345, 0)], ["123,457", "99.9", "1.23", "0"])


if __name__ == "__main__":
    unittest.main()
