import unittest
from collections import Counter

from overlap import order_waits

LOG = """
11 [unknown]|LOG:  connection authorized: user=postgres database=postgres application_name=tributary-conversion-worker
12 [unknown]|LOG:  connection authorized: user=postgres database=postgres application_name=tributary-commission-worker
11 tributary-conversion-worker|LOG:  process 11 still waiting for ShareLock on transaction 745 after 2.062 ms
11 tributary-conversion-worker|DETAIL:  Process holding the lock: 12. Wait queue: 11.
11 tributary-conversion-worker|CONTEXT:  while locking tuple (0,5) in relation "orders"
11 tributary-conversion-worker|STATEMENT:  SELECT id
\tFROM orders FOR UPDATE
11 tributary-conversion-worker|LOG:  process 11 acquired ShareLock on transaction 745 after 9.000 ms
11 tributary-conversion-worker|CONTEXT:  while locking tuple (0,5) in relation "orders"
12 tributary-commission-worker|LOG:  process 12 still waiting for ShareLock on transaction 746 after 2.062 ms
12 tributary-commission-worker|DETAIL:  Process holding the lock: 13. Wait queue: 12.
12 tributary-commission-worker|CONTEXT:  while updating tuple (0,5) in relation "webhook_deliveries"
12 tributary-commission-worker|LOG:  process 12 still waiting for ExclusiveLock on tuple (0,1) of relation 1 after 2.1 ms
12 tributary-commission-worker|DETAIL:  Processes holding the lock: 11, 13. Wait queue: 12.
11 tributary-conversion-worker|CONTEXT:  while locking tuple (0,5) in relation "orders"
12 tributary-commission-worker|CONTEXT:  while locking tuple (0,1) in relation "orders"
"""


class Waits(unittest.TestCase):
    def test_only_waits_for_an_order_count_each_once(self):
        self.assertEqual(order_waits(LOG.splitlines()), Counter({
            ("conversion", "commission"): 1, ("commission", "conversion"): 1}))


if __name__ == "__main__":
    unittest.main()
