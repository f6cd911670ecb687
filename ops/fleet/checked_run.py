"""What a test of the built executables shares with the others: a seed, checks that are counted, and its end."""

import os
import random
import shutil
import sys
import time


class CheckedRun:
    """`TRIBUTARY_SEED` repeats the choices that `dice` makes, not their timing."""

    def __init__(self, options, title=""):
        self.options = options
        self.seed = int(os.environ.get("TRIBUTARY_SEED") or time.time_ns() % 1_000_000)
        self.dice = random.Random(self.seed)
        self.passed, self.failed, self.begin = 0, 0, time.monotonic()
        if title:
            print(f"seed {self.seed}, {title}", flush=True)

    def say(self, text):
        print(f"  [{time.monotonic() - self.begin:4.0f} s] {text}", flush=True)

    def check(self, what, good, detail=""):
        print(f"  {'ok  ' if good else 'FAIL'} {what}{': ' + str(detail) if detail != '' else ''}", flush=True)
        self.passed, self.failed = self.passed + bool(good), self.failed + (not good)

    def check_none(self, what, problems):
        """Holds when there is no problem; the first few are shown."""
        problems = list(problems)
        shown = "\n       ".join([f"{len(problems)} problems", *map(str, problems[:8])]) if problems else ""
        self.check(what, not problems, shown)

    def end(self, folder):
        """Keeps what there is to look at when something failed; prints "passed failed" and exits."""
        if self.failed or self.options.keep:
            print(f"  logs and data: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
        print(self.passed, self.failed)
        sys.exit(1 if self.failed else 0)
