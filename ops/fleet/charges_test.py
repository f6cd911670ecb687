import pathlib
import subprocess
import tempfile
import time
import unittest

from charges import charged_jobs
from fleet import Fleet


def record(attempts, crashes):
    """As library/records.lua lays it out: time, version, flags, attempts, crashes, and the rest."""
    return bytes(8) + b"\x01\x00" + attempts.to_bytes(2, "big") + bytes([crashes]) + b"rest of it"


class Charges(unittest.TestCase):
    def test_attempts_and_crashes_of_all_queues_are_read(self):
        with tempfile.TemporaryDirectory() as folder:
            fleet = Fleet(pathlib.Path(folder), "nowhere")
            fleet.start("redis", ["redis-server", "--port", str(fleet.redis_port), "--save", "", "--dir", folder])
            self.addCleanup(fleet.stop)
            fleet.wait(lambda: fleet_answers(fleet), "Redis")
            for key, job, value in (("t:{0}:webhooks:jobs", "a", record(0, 0)), ("t:{0}:webhooks:jobs", "b", record(300, 0)),
                                    ("t:{1}:commissions:jobs", "c", record(0, 2))):
                subprocess.run(["redis-cli", "-p", str(fleet.redis_port), "-x", "HSET", key, job], input=value, check=True,
                               stdout=subprocess.DEVNULL)
            self.assertEqual(charged_jobs(fleet), {"b": (300, 0), "c": (0, 2)})


def fleet_answers(fleet):
    try:
        return fleet.redis("PING") == ["PONG"]
    except RuntimeError:
        time.sleep(0.05)
        return False


if __name__ == "__main__":
    unittest.main()
