import os
import struct
import tempfile
import unittest
from collections import Counter

from recorder import (FIRST_BATCH_WORD, IN_TRANSACTION, LEASED, MAGIC, SENDING, UNACKNOWLEDGED, WORDS, Moment, Recorder,
                      median)


class Moments(unittest.TestCase):
    def test_leased_is_said_of_what_is_in_no_later_stage(self):
        for moment, wanted in ((Moment(), set()), (Moment(leased=3), {LEASED}),
                               (Moment(leased=3, transactions=1), {IN_TRANSACTION}),
                               (Moment(leased=3, unacknowledged=2, requests=1), {UNACKNOWLEDGED, SENDING})):
            self.assertEqual(moment.stages, wanted, moment)

    def test_it_says_what_is_under_way(self):
        self.assertEqual(str(Moment()), "nothing in progress")
        self.assertEqual(str(Moment(leased=3, requests=2)), "3 jobs leased, 2 webhooks being sent")


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "worker")

    def write(self, process_id, *stages, batches=None):
        words = [MAGIC, process_id, *stages] + [0] * (WORDS - 2 - len(stages))
        for size, count in (batches or {}).items():
            words[FIRST_BATCH_WORD + size] = count
        with open(self.path, "wb") as file:
            file.write(struct.pack(f"={WORDS}q", *words))

    def test_a_file_of_an_earlier_process_says_nothing_of_this_one(self):
        recorder = Recorder(self.path)
        self.assertIsNone(recorder.moment(7))
        self.write(7, 20, 1, 8, 0)
        moment = recorder.moment(7)
        self.assertEqual((moment.leased, moment.transactions, moment.unacknowledged, moment.requests), (20, 1, 8, 0))
        self.assertIsNone(recorder.moment(8))

    def test_a_file_that_is_being_made_says_nothing(self):
        open(self.path, "wb").close()
        self.assertIsNone(Recorder(self.path).moment(7))

    def test_batches_are_counted_by_size(self):
        self.write(7, 0, 0, 0, 0, batches={1: 4, 20: 2, 500: 1})
        self.assertEqual(Recorder(self.path).batches(), Counter({1: 4, 20: 2, 500: 1}))

    def test_the_median_is_the_middle_one(self):
        self.assertEqual([median(Counter(sizes)) for sizes in ([1], [1, 9], [1, 9, 9], [2, 3, 4, 20], [])], [1, 1, 9, 3, 0])


if __name__ == "__main__":
    unittest.main()
