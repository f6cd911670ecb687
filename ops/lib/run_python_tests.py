"""Runs every `*_test.py` under ops/ and prints "passed failed" as the last line of stdout."""

import sys
import unittest
from pathlib import Path


def main():
    ops = Path(__file__).resolve().parent.parent
    suite = unittest.TestSuite()
    for file in sorted(ops.rglob("*_test.py")):
        # Each folder is a program of its own, so its modules are imported by their bare names.
        sys.path.insert(0, str(file.parent))
        suite.addTests(unittest.defaultTestLoader.loadTestsFromName(file.stem))
    result = unittest.TextTestRunner(stream=sys.stderr, verbosity=1).run(suite)
    bad = {str(test) for test, _ in result.failures + result.errors}
    bad |= {str(test) for test in result.unexpectedSuccesses}
    print(result.testsRun - len(bad) - len(result.skipped), len(bad))


if __name__ == "__main__":
    main()
