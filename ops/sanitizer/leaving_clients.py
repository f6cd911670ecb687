#!/usr/bin/env python3
"""Clients that leave while their answers wait for Redis, against an ingest built with the address sanitizer.

Redis is stopped (SIGSTOP) so that no answer can come; clients post clicks and events, some of them half, some twice, and
leave by FIN or by RST, some after a first answer; Redis goes on, or is killed. The ingest must live, answer the next client,
end by SIGTERM with exit code 0 though clients have left again, and the sanitizer must have nothing to say.

The last line is "passed failed". Builds the ingest into .build/sanitized (20 s the first time, on two cores).
"""

import argparse
import http.client
import json
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "ops" / "fleet"))
from checked_run import CheckedRun  # noqa: E402  # the folder is not a package
from fleet import Fleet  # noqa: E402

CLIENTS = 60
# Of six clients, what three send whole: an event, 50 events, and an event with a click after it.
EVENTS_OF_THOSE_WHO_LEFT = CLIENTS // 6 * 52


def build():
    """The ingest with the sanitizer in it; its path."""
    command = ["swift", "build", "--sanitize", "address", "--product", "tributary-ingest", "--scratch-path",
               str(ROOT / ".build/sanitized")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"the build failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    folder = subprocess.run([*command, "--show-bin-path"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    binary = pathlib.Path(folder.strip()) / "tributary-ingest"
    if b"__asan_init" not in binary.read_bytes():
        raise RuntimeError(f"{binary} was not built with the address sanitizer")
    return binary


class Visit:
    """A connection to the ingest, and what is sent on it."""

    def __init__(self, fleet, key):
        self.fleet, self.key, self.number = fleet, key, 0

    def event(self):
        self.number += 1
        return json.dumps({"id": f"e-{self.number}", "type": "order.created", "orderId": f"o-{self.number}",
                           "orderAmount": 1000, "currency": "KRW"})

    def request(self, path, body, key=True):
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        head += f"Authorization: Bearer {self.key}\r\n" if key else ""
        return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.fleet.ingest_port), timeout=10)

    def leave(self, index):
        """Sends something that has to wait for Redis, and goes."""
        event = self.request("/api/v1/events", self.event())
        click = self.request("/api/v1/tracking/click", json.dumps({"referralCode": "PARTNER001"}), key=False)
        many = self.request("/api/v1/events", "[" + ",".join(self.event() for _ in range(50)) + "]")
        sent = [event, click, many, event[:-10], event + click, many[:200]][index % 6]
        with self.connect() as client:
            client.sendall(sent)
            if index % 4 < 2:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def is_read(self):
        """Whether nothing waits to be accepted or read at the ingest's port, as the kernel counts it."""
        with open("/proc/net/tcp", encoding="ascii") as file:
            rows = [line.split() for line in file.readlines()[1:]]
        port = f":{self.fleet.ingest_port:04X}"
        return all(row[4].endswith(":00000000") for row in rows if row[1].endswith(port))

    def stay(self):
        """The status of an event that waits for its answer; None when there is none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.fleet.ingest_port, timeout=10)
        try:
            connection.request("POST", "/api/v1/events", self.event(), {
                "Authorization": f"Bearer {self.key}", "Content-Type": "application/json"})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


class Run(CheckedRun):
    def __init__(self, options, fleet, binary):
        super().__init__(options)
        self.fleet, self.binary = fleet, binary

    def play(self):
        fleet = self.fleet
        # A leak is looked for at exit only, where the one loop's objects still stand: that says nothing.
        fleet.environment["ASAN_OPTIONS"] = f"detect_leaks=0:log_path={fleet.folder / 'asan'}"
        fleet.start_servers()
        fleet.inspect("migrate")
        fleet.inspect("partner", "add", "--code", "PARTNER001", "--name", "Ada")
        key = fleet.inspect("key", "add", "--source", "shop", "--name", "shop")[1]["key"]
        fleet.start("ingest", [str(self.binary)])
        visit = Visit(fleet, key)
        fleet.wait(lambda: visit.stay() == 202, "the ingest")

        self.all_leave(visit)
        fleet.signal("redis", signal.SIGCONT)
        self.answers("Redis stood still and went on", visit)
        # They had left before Redis could answer, so their handlers were waiting then.
        queued = next(queue["ready"] for queue in fleet.inspect("queues")[1]["queues"] if queue["queue"] == "conversions")
        self.check(f"{EVENTS_OF_THOSE_WHO_LEFT} events of those who left are in the queue all the same",
                   queued >= EVENTS_OF_THOSE_WHO_LEFT, f"{queued} events")

        self.all_leave(visit)
        fleet.restart("redis")
        self.answers("Redis was killed and started again", visit)

        self.all_leave(visit)
        ingest = fleet.processes["ingest"]
        ingest.send_signal(signal.SIGTERM)
        fleet.signal("redis", signal.SIGCONT)
        try:
            code = ingest.wait(timeout=30)
        except subprocess.TimeoutExpired:
            code = "none within 30 s"
        self.check("SIGTERM while the answers of those who left are waited for: exit code 0", code == 0, code or "")
        reports = "\n".join(file.read_text() for file in sorted(fleet.folder.glob("asan.*")))
        self.check("the sanitizer has nothing to say", not reports, reports[:3000])

    def all_leave(self, visit):
        """Stops Redis, and returns when the ingest has read what they sent who are gone."""
        self.fleet.freeze("redis")
        for index in range(CLIENTS):
            visit.leave(index)
        self.fleet.wait(visit.is_read, "what the clients sent was not read; the ingest")

    def answers(self, when, visit):
        """The ingest takes events again, and is the process that it was."""
        end = time.monotonic() + 20
        status = visit.stay()
        while status != 202 and time.monotonic() < end and self.fleet.processes["ingest"].poll() is None:
            time.sleep(0.05)
            status = visit.stay()
        self.check(f"{CLIENTS} clients left, {when}: the next one is answered", status == 202, "" if status == 202 else status)
        code = self.fleet.processes["ingest"].poll()
        self.check("the ingest lives", code is None, "" if code is None else f"it ended with {code}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", required=True, help="the folder of the fleet's executables, for the inspector")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and data")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="tributary-sanitizer-")
    fleet = Fleet(folder, options.binaries)
    run = Run(options, fleet, None)
    try:
        run.binary = build()
        run.play()
    except (RuntimeError, subprocess.CalledProcessError, OSError) as error:
        run.check("the run came to its end", False, error)
    finally:
        fleet.stop()
    run.end(folder)


if __name__ == "__main__":
    main()
