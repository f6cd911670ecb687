import random
import unittest

from orders import Orders, in_batches


class OrdersTest(unittest.TestCase):
    def make(self, seed=1, count=2000):
        return Orders(random.Random(seed), count, 1_763_600_000)

    def test_the_seed_decides(self):
        self.assertEqual(self.make().events, self.make().events)
        self.assertNotEqual(self.make().events, self.make(2).events)

    def test_the_shares_are_those_that_were_asked_for(self):
        orders = self.make()
        for number, wanted in ((orders.shuffled, 1 / 3), (orders.doubled, 0.1), (len(orders.refunded), 0.1),
                               (len(orders.cancelled), 0.05)):
            self.assertAlmostEqual(number / 2000, wanted, delta=0.03)
        self.assertTrue(orders.to_adjust and orders.to_cancel and not orders.to_adjust & orders.to_cancel)
        self.assertEqual({event["orderId"] for event in orders.events}, {f"o-{number}" for number in range(2000)})

    def test_an_event_that_comes_twice_has_one_content_and_two_requests(self):
        orders = self.make()
        contents = {}
        for event in orders.events:
            self.assertEqual(contents.setdefault(event["id"], event), event)
        self.assertEqual(len(orders.events) - len(contents), orders.doubled)
        batches = in_batches(random.Random(1), orders.events)
        self.assertEqual([event for batch in batches for event in batch], orders.events)
        for batch in batches:
            self.assertEqual(len({event["id"] for event in batch}), len(batch))
            self.assertLessEqual(len(batch), 12)


if __name__ == "__main__":
    unittest.main()
