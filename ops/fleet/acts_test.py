import random
import signal
import unittest

from acts import Operator


class Command:
    """A command of `tributary` that ends by itself in a given way, unless it is killed before."""

    def __init__(self, code, errors):
        self.returncode, self.errors = code, errors

    def send_signal(self, number):
        self.returncode = -number

    def communicate(self):
        return "", self.errors


class FleetOfOne:
    def __init__(self, code, errors=""):
        self.code, self.errors, self.words, self.lookups = code, errors, [], 0

    def query(self, _):
        self.lookups += 1
        if self.lookups == 1:
            raise RuntimeError("the database is being restarted")
        return ["o-1|c-1|GOLD001"]

    def run_inspector(self, *words):
        self.words.append(words)
        return Command(self.code, self.errors)


class OperatorTest(unittest.TestCase):
    def act(self, code, errors="", killed=0.0, kind="adjust"):
        fleet = FleetOfOne(code, errors)
        names = [["o-1"], []] if kind == "adjust" else [[], ["o-1"]]
        operator = Operator(fleet, random.Random(1), *names, killed=killed)
        operator.thread.join(timeout=20)
        return operator, fleet

    def test_a_good_end_is_certain(self):
        for kind in ("adjust", "cancel"):
            operator, fleet = self.act(0, kind=kind)
            operator.finish()
            self.assertEqual([(act["operator"], act["orderId"], act["partner"], act["may"]) for act in operator.acts],
                             [(kind, "o-1", "GOLD001", False)])
            self.assertEqual(fleet.words[0][:2], (kind, "c-1"))
            self.assertEqual("newAmountMinor" in operator.acts[0], kind == "adjust")

    def test_a_killed_command_and_a_lost_store_may_have_acted(self):
        for code, killed in ((69, 0.0), (-signal.SIGKILL, 0.0), (0, 1.0)):
            operator, _ = self.act(code, killed=killed)
            operator.finish()
            self.assertEqual([act["may"] for act in operator.acts], [True])

    def test_a_refusal_is_no_act(self):
        operator, _ = self.act(1, "tributary adjust: Cannot adjust cancelled commission")
        operator.finish()
        self.assertEqual((operator.acts, len(operator.refused)), ([], 1))

    def test_any_other_end_is_a_failure(self):
        for code, errors in ((1, "something broke"), (64, ""), (-signal.SIGSEGV, "")):
            operator, _ = self.act(code, errors)
            with self.assertRaises(RuntimeError):
                operator.finish()


if __name__ == "__main__":
    unittest.main()
