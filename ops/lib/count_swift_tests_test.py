import json
import unittest

from count_swift_tests import count


def test_record(name):
    return json.dumps({"kind": "test", "payload": {"kind": "function", "id": f"Room/{name}", "name": name}})


def event(kind, name=None, symbol="pass"):
    payload = {"kind": kind, "messages": [{"symbol": symbol, "text": ""}]}
    if name:
        payload["testID"] = f"Room/{name}"
    return json.dumps({"kind": "event", "payload": payload})


class CountSwiftTests(unittest.TestCase):
    def test_each_test_that_ended_well_has_passed(self):
        lines = [test_record("a"), test_record("b"), event("testEnded", "a"), event("testEnded", "b", "fail"),
                 event("runEnded")]
        self.assertEqual(count(lines, "", 1), (1, ["Room/b"]))

    def test_a_crash_fails_what_was_running_and_what_never_ran(self):
        lines = [test_record("a"), test_record("b"), test_record("c"), event("testEnded", "a"),
                 event("testStarted", "b"), '{"kind": "ev']
        passed, failed = count(lines, "", 139)
        self.assertEqual((passed, len(failed)), (1, 2))

    def test_a_skipped_test_counts_for_nothing(self):
        lines = [test_record("a"), event("testSkipped", "a"), event("runEnded")]
        self.assertEqual(count(lines, "", 0), (0, []))

    def test_no_event_at_all_is_a_failure(self):
        self.assertEqual(len(count([], "", 0)[1]), 1)

    def test_a_bad_status_without_a_failed_test_is_a_failure(self):
        lines = [test_record("a"), event("testEnded", "a"), event("runEnded")]
        self.assertEqual(len(count(lines, "", 1)[1]), 1)

    def test_xctest_is_counted_by_its_last_summary(self):
        output = "Executed 2 tests, with 1 failure\nExecuted 5 tests, with 1 failure (0 unexpected)"
        self.assertEqual(count([event("runEnded")], output, 1), (4, ["XCTest"]))


if __name__ == "__main__":
    unittest.main()
