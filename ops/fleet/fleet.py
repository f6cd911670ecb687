"""A private fleet under one folder: real Redis, real PostgreSQL, a receiver and the built executables, each of which can be
killed, stopped and started again."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "ops" / "lib"))
from private_servers import die_with_parent, free_ports, make_postgres  # noqa: E402  # the folder is not a package

WORKERS = ["click", "conversion", "commission", "webhook", "notification", "batch"]
LEASE_SECONDS = 3
# What a process ends with when a store was away too long at its start: start it again (docs/configuration.md).
START_AGAIN = 75
# What `tributary` ends with when a store did not answer: try again later.
UNREACHABLE = 69


def redis_command(port, folder, *options):
    """A server that keeps what it acknowledges, as the start checks want it."""
    return ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--appendonly",
            "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction", *options]


class Fleet:
    """Servers and processes. With `delay_ms` ("1-10") statements and acknowledgements wait that long at random, and each
    process keeps a recorder's file (see recorder.py)."""

    def __init__(self, folder, binaries, delay_ms=None):
        self.folder, self.binaries, self.delay_ms = pathlib.Path(folder), pathlib.Path(binaries), delay_ms
        self.redis_port, self.postgres_port, self.ingest_port, self.receiver_port = free_ports(4)
        self.processes, self.commands = {}, {}
        self.redis_folder = self.folder / "redis"
        self.redis_folder.mkdir()
        self.environment = {
            **os.environ, "TRIBUTARY_REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0",
            "TRIBUTARY_POSTGRES_URL": f"postgresql://postgres@127.0.0.1:{self.postgres_port}/postgres",
            "TRIBUTARY_INGEST_PORT": str(self.ingest_port), "TRIBUTARY_DEMO": "1", "TRIBUTARY_ALLOW_HTTP": "1",
            "TRIBUTARY_ALLOW_DESTINATIONS": "127.0.0.0/8", "TRIBUTARY_LEASE_MS": str(LEASE_SECONDS * 1000),
            "TRIBUTARY_MASTER_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
            "TRIBUTARY_PRIVACY_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "TRIBUTARY_BATCH": "20",
        }
        # The run's own seed is not the processes' business.
        self.environment.pop("TRIBUTARY_SEED", None)
        # Test-only settings of the processes of the fleet; the inspector gets none.
        self.test_settings = {}
        if delay_ms:
            self.test_settings["TRIBUTARY_TEST_DELAY_MS"] = delay_ms
            (self.folder / "recorders").mkdir()

    # --- processes

    def start(self, name, command):
        self.commands[name] = command
        environment = {**self.environment, **self.test_settings}
        if self.delay_ms:
            environment["TRIBUTARY_TEST_RECORDER"] = str(self.recorder_path(name))
        if self.test_settings:
            environment["TRIBUTARY_TEST"] = "1"
        with open(self.folder / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, preexec_fn=die_with_parent)

    def recorder_path(self, name):
        return self.folder / "recorders" / name

    def restart(self, name):
        process = self.processes[name]
        process.kill()
        process.wait()
        self.start(name, self.commands[name])

    def supervise(self):
        """Starts again what asks for it, as any supervisor would. The names of those; any other end by itself is an error."""
        again = []
        for name, process in list(self.processes.items()):
            code = process.poll()
            if code is None:
                continue
            if code != START_AGAIN:
                raise RuntimeError(f"{name} ended by itself with {code}; see {self.folder}/{name}.log")
            self.start(name, self.commands[name])
            again.append(name)
        return again

    def signal(self, name, number):
        self.processes[name].send_signal(number)

    def freeze(self, name):
        """SIGSTOP; returns when the process really stands still."""
        self.signal(name, signal.SIGSTOP)
        stat = f"/proc/{self.processes[name].pid}/stat"
        for _ in range(2000):
            with open(stat, encoding="utf-8") as file:
                if file.read().rpartition(")")[2].split()[0] in "TtZX":
                    return
            time.sleep(0.0002)
        raise RuntimeError(f"{name} does not stop")

    def start_redis(self):
        self.start("redis", redis_command(self.redis_port, self.redis_folder))

    def start_servers(self, postgres_settings=()):
        self.start_redis()
        settings = ["unix_socket_directories=", "max_connections=200", *postgres_settings]
        self.start("postgres", make_postgres(self.folder / "postgres", self.postgres_port, settings))
        self.endpoints = self.folder / "endpoints.json"
        self.endpoints.write_text("{}")
        self.journal = self.folder / "journal.jsonl"
        self.start("receiver", [sys.executable, str(ROOT / "ops/receiver/receiver.py"), "--port", str(self.receiver_port),
                                "--endpoints", str(self.endpoints), "--journal", str(self.journal), "--ready-file",
                                str(self.folder / "receiver.ready")])
        self.wait(lambda: (self.folder / "receiver.ready").exists(), "the receiver")
        self.wait(lambda: subprocess.run(["psql", "-XAtqc", "select 1", self.environment["TRIBUTARY_POSTGRES_URL"]],
                                         capture_output=True).returncode == 0, "PostgreSQL")

    def start_fleet(self):
        for number in (1, 2):
            for worker in WORKERS:
                self.start(f"{worker}-{number}", [str(self.binaries / f"tributary-{worker}-worker")])
            self.start(f"scheduler-{number}", [str(self.binaries / "tributary-scheduler")])
        self.start("ingest", [str(self.binaries / "tributary-ingest")])

    def stop(self):
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()

    def wait(self, condition, what, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise RuntimeError(f"{what} did not get ready within {seconds} s; logs in {self.folder}")
            time.sleep(0.05)

    # --- questions

    def run_inspector(self, *arguments):
        return subprocess.Popen([self.binaries / "tributary", *arguments, "--json"], env=self.environment,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def inspect(self, *arguments):
        """Exit code and answer of a `tributary` command, tried again while a store is away."""
        for _ in range(40):
            process = self.run_inspector(*arguments)
            output, errors = process.communicate()
            if process.returncode != UNREACHABLE:
                break
            time.sleep(0.25)
        if process.returncode not in (0, 1):
            raise RuntimeError(f"tributary {' '.join(arguments)}: {errors}")
        return process.returncode, json.loads(output) if output.strip() else {"error": errors}

    def query(self, sql):
        result = subprocess.run(["psql", "-XAtq", "-d", self.environment["TRIBUTARY_POSTGRES_URL"], "-c", sql],
                                env={**os.environ, "PGOPTIONS": "-c search_path=tributary"}, capture_output=True, text=True)
        if result.returncode != 0:
            raise RuntimeError(f"psql: {result.stderr}")
        return result.stdout.splitlines()

    def redis(self, *words):
        result = subprocess.run(["redis-cli", "-p", str(self.redis_port), *words], capture_output=True, text=True)
        if result.returncode != 0 or result.stdout.startswith("ERR"):
            raise RuntimeError(f"redis-cli {words[0]}: {result.stdout}{result.stderr}")
        return result.stdout.splitlines()

    # --- mishaps

    def restart_postgres(self):
        """A fast shutdown under load, and a start with the same data."""
        self.signal("postgres", signal.SIGINT)
        self.processes["postgres"].wait()
        self.start("postgres", self.commands["postgres"])

    def drop_follow_ups(self, seconds):
        """For a while the workers acknowledge without enqueuing what comes next: only owed rows remember it."""
        names = [name for name in self.processes if name.startswith(("conversion", "commission"))]
        usual = dict(self.test_settings)
        others = [usual["TRIBUTARY_FAULTS"]] if "TRIBUTARY_FAULTS" in usual else []
        self.test_settings["TRIBUTARY_FAULTS"] = ",".join(["drop-follow-ups", *others])
        for name in names:
            self.restart(name)
        time.sleep(seconds)
        self.test_settings = usual
        for name in names:
            self.restart(name)

    def delete_redis(self):
        """Redis ends, all of its data is gone, and an empty one starts."""
        self.processes["redis"].kill()
        self.processes["redis"].wait()
        shutil.rmtree(self.redis_folder)
        self.redis_folder.mkdir()
        self.start("redis", self.commands["redis"])
