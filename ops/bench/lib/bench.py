"""What every measurement is given: the options, a folder, and a report to write into.

A measurement is a module beside ops/bench/run with a function `measure(bench)`: it repeats itself `bench.runs` times with
all candidates interleaved (ours, the peer, the floor, ours, the peer, ...), records each value and checks after each run
that what was acknowledged is there, exactly:

    def measure(bench):
        for run in range(bench.runs):
            bench.record("order step", orders / seconds, "orders/s", goal=">= 30,000")
            if bench.peers:
                bench.record("order step", peer_rate, "orders/s", who="Sidekiq, 2 x 10 threads")
            bench.check("order step: every order has its entry", rows == orders, f"{rows} of {orders}")
"""
import pathlib
import shutil
import tempfile

from .report import OURS, progress


class Bench:
    """
    runs      how often everything is measured
    quick     short and rough: to see that it works
    peers     whether peers and floors are measured too
    binaries  the folder of the release executables
    folder    a fresh folder for servers and files, deleted at the end
    """

    def __init__(self, report, runs, quick, peers, binaries):
        self.report, self.runs, self.quick, self.peers = report, runs, quick, peers
        self.binaries = pathlib.Path(binaries)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tributary-bench-"))
        # PostgreSQL and nginx run as users of their own.
        self.folder.chmod(0o755)

    def size(self, full, quick):
        """How much to do: `quick` of it when it is to be short."""
        return quick if self.quick else full

    def record(self, what, value, unit, who=OURS, goal=""):
        self.report.record(what, value, unit, who, goal)

    def check(self, what, is_right, detail=""):
        self.report.check(what, is_right, detail)

    def note(self, text):
        self.report.note(text)

    def say(self, text):
        progress(text)

    def subfolder(self, name):
        """A new folder of its own, for a run."""
        return pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))

    def clean_up(self):
        shutil.rmtree(self.folder, ignore_errors=True)
