import datetime
import unittest

from kill_schedulers import instant, job_problems, slot_problems

SECOND = datetime.timedelta(seconds=1)
FIRST = instant("2026-11-21T03:00:00Z")


class Counting(unittest.TestCase):
    def rows(self, *numbers):
        return [(FIRST + number * SECOND, FIRST + (number + 0.01) * SECOND) for number in numbers]

    def test_each_second_once_is_right(self):
        self.assertEqual(list(slot_problems(self.rows(0, 1, 2, 3))), [])

    def test_a_second_left_out_or_fired_early_is_named(self):
        self.assertEqual(len(list(slot_problems(self.rows(0, 1, 3)))), 1)
        early = [(FIRST, FIRST), (FIRST + SECOND, FIRST)]
        self.assertIn("fired at", next(slot_problems(early)))

    def test_each_slot_has_one_job(self):
        slots = [slot for slot, _ in self.rows(0, 1)]
        first, second = "tick.2026-11-21T03:00:00Z", "tick.2026-11-21T03:00:01Z"
        self.assertEqual(list(job_problems(slots, [first, second])), [])
        self.assertEqual(list(job_problems(slots, [first, first, second])), [f"{first} is there 2 times"])
        self.assertEqual(list(job_problems(slots, [first])), [f"{second} is missing"])
        self.assertEqual(list(job_problems(slots[:1], [first, second])), [f"{second} is of no slot"])


if __name__ == "__main__":
    unittest.main()
