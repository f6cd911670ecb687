import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
from private_servers import free_port  # noqa: E402  # the folder is not a package


class Redis:
    def __init__(self, folder, appendfsync):
        self.data, self.records, self.appendfsync = folder / "data", folder / "records", appendfsync
        self.data.mkdir()
        self.records.mkdir()
        self.library = subprocess.run([HERE / "build"], check=True, capture_output=True, text=True).stdout.strip()
        self.port = free_port()
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.data, "--save", "",
             "--appendonly", "yes", "--appendfsync", self.appendfsync, "--auto-aof-rewrite-percentage", "0"],
            env={**os.environ, "LD_PRELOAD": self.library, "FSYNC_SHIM_DIR": str(self.records)},
            stdout=subprocess.DEVNULL)
        limit = time.monotonic() + 20
        while True:
            try:
                self.connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
                self.stream = self.connection.makefile("rb")
                if self.command("PING") == b"+PONG\r\n":
                    return
            except OSError:
                pass
            if time.monotonic() > limit:
                raise AssertionError("redis-server does not come up")
            time.sleep(0.02)

    def command(self, *words):
        parts = [word.encode() if isinstance(word, str) else word for word in words]
        self.connection.sendall(
            b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        return self.stream.readline()

    def lose_power(self):
        """Kills Redis and takes away what was not flushed; what is cut, in bytes."""
        self.stop()
        output = subprocess.run([sys.executable, HERE / "cut_aof.py", self.data, self.records], check=True,
                                capture_output=True, text=True).stdout
        return sum(row["bytes"] - row["bytesLeft"] for row in json.loads(output))

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.stream.close()
        self.connection.close()


class LossOfPower(unittest.TestCase):
    def run_redis(self, appendfsync):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        redis = Redis(Path(folder.name), appendfsync)
        self.addCleanup(redis.stop)
        return redis

    def acknowledged_and_kept(self, redis, count):
        acknowledged = sum(redis.command("SADD", "all", f"{number}") == b":1\r\n" for number in range(count))
        cut = redis.lose_power()
        redis.start()
        return acknowledged, int(redis.command("SCARD", "all")[1:]), cut

    def test_always_loses_nothing_that_was_acknowledged(self):
        redis = self.run_redis("always")
        acknowledged, kept, cut = self.acknowledged_and_kept(redis, 300)
        self.assertEqual((acknowledged, kept, cut), (300, 300, 0))
        # After the loss it goes on with the same file.
        redis.command("SADD", "all", "later")
        redis.lose_power()
        redis.start()
        self.assertEqual(redis.command("SCARD", "all"), b":301\r\n")

    def test_always_holds_over_a_rewrite_of_the_file(self):
        redis = self.run_redis("always")
        redis.command("SADD", "all", "before")
        redis.command("BGREWRITEAOF")
        limit = time.monotonic() + 20
        while not list(redis.data.glob("appendonlydir/*.2.incr.aof")):
            self.assertLess(time.monotonic(), limit)
            time.sleep(0.01)
        acknowledged, kept, _ = self.acknowledged_and_kept(redis, 100)
        self.assertEqual((acknowledged, kept), (100, 101))

    def test_everysec_loses_what_was_acknowledged(self):
        acknowledged, kept, cut = self.acknowledged_and_kept(self.run_redis("everysec"), 300)
        self.assertEqual(acknowledged, 300)
        self.assertLess(kept, 300)
        self.assertGreater(cut, 0)


if __name__ == "__main__":
    unittest.main()
