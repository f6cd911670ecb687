"""Runs every `*_test.py` under ops/, each folder in a process of its own, and prints "passed failed" as the last line."""

import subprocess
import sys
import unittest
from pathlib import Path

OPS = Path(__file__).resolve().parent.parent


def run_folder(folder):
    """Tests of one folder, whose modules import each other by their bare names."""
    sys.path.insert(0, str(folder))
    names = sorted(file.stem for file in folder.glob("*_test.py"))
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    result = unittest.TextTestRunner(stream=sys.stderr).run(suite)
    bad = {str(test) for test, _ in result.failures + result.errors}
    bad |= {str(test) for test in result.unexpectedSuccesses}
    print(result.testsRun - len(bad) - len(result.skipped), len(bad))


def main():
    passed, failed = 0, 0
    for folder in sorted({file.parent for file in OPS.rglob("*_test.py")}):
        print(f"-- {folder.relative_to(OPS.parent)}", flush=True)
        output = subprocess.run([sys.executable, __file__, folder], stdout=subprocess.PIPE, text=True).stdout
        counts = output.split()[-2:]
        # A process that died has no counts.
        good, bad = map(int, counts) if len(counts) == 2 and all(map(str.isdigit, counts)) else (0, 1)
        passed, failed = passed + good, failed + bad
    print(passed, failed)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run_folder(Path(sys.argv[1]))
    else:
        main()
