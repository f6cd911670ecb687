"""Counts what a run of `swift test` did, also when its process crashed half-way.

usage: count_swift_tests.py EVENTS OUTPUT STATUS

EVENTS is Swift Testing's event stream (JSON lines), OUTPUT the run's text, STATUS its exit status. Prints the names of the
failed tests on stderr and "passed failed" on stdout. A test that was planned or begun but did not end has failed.
"""

import json
import re
import sys
from pathlib import Path


def count_events(lines):
    """(passed, names of failed, whether the run came to its end) of the event stream."""
    functions, ended, skipped, is_complete = {}, {}, set(), False
    for line in lines:
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue  # the last line of a process that was killed while it wrote
        payload = record["payload"]
        if record["kind"] == "test" and payload["kind"] == "function":
            functions[payload["id"]] = payload["name"]
        elif record["kind"] == "event":
            kind, test = payload["kind"], payload.get("testID")
            if kind == "runEnded":
                is_complete = True
            elif kind == "testSkipped":
                skipped.add(test)
            elif kind == "testEnded":
                symbols = {message["symbol"] for message in payload["messages"]}
                ended[test] = "fail" not in symbols
    planned = {test: name for test, name in functions.items() if test not in skipped}
    failed = [
        f"{test.split('/')[0]}/{name}" + ("" if test in ended else " (did not end)")
        for test, name in planned.items()
        if not ended.get(test, False)
    ]
    return len(planned) - len(failed), failed, is_complete


def count_xctest(output):
    """(executed, failed) of the XCTest part, whose last summary line is the whole."""
    summaries = re.findall(r"Executed (\d+) tests?, with (?:\d+ tests? skipped and )?(\d+) failures?", output)
    return (int(summaries[-1][0]), int(summaries[-1][1])) if summaries else (0, 0)


def count(events, output, status):
    passed, failed, is_complete = count_events(events)
    executed, xctest_failures = count_xctest(output)
    passed += max(0, executed - xctest_failures)
    names = failed + ["XCTest"] * xctest_failures
    if not names and (status != 0 or not is_complete):
        names = [f"the test process (exit status {status}, no test to blame)"]
    return passed, names


def main():
    events, output, status = sys.argv[1:4]
    lines = Path(events).read_text(errors="replace").splitlines() if Path(events).exists() else []
    passed, failed = count(lines, Path(output).read_text(errors="replace"), int(status))
    for name in failed:
        print(f"failed: {name}", file=sys.stderr)
    print(passed, len(failed))


if __name__ == "__main__":
    main()
