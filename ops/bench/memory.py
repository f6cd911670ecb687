"""Resident memory of each process of an idle fleet, 5 s after its start. RSS counts pages that processes share in each of
them; PSS counts them by their share."""
import time

from lib import fleet as fleets
from lib import processes

SERVERS = ("redis", "postgres", "receiver")


def measure(bench):
    for _ in range(bench.runs):
        with fleets.prepared(bench, "memory") as fleet:
            fleet.start_fleet()
            fleets.wait_for_ingest(fleet)
            time.sleep(5)
            for name, process in fleet.processes.items():
                if name.endswith("-2") or name in SERVERS:
                    continue
                rss, pss = processes.resident_mib(process.pid)
                part = name.removesuffix("-1")
                title = part if part in ("ingest", "scheduler") else f"{part} worker"
                bench.record(f"idle {title}: RSS", rss, "MiB", goal="<= 25" if "worker" in title else "")
                bench.record(f"idle {title}: PSS", pss, "MiB")
            gone = [name for name, process in fleet.processes.items() if process.poll() is not None]
            bench.check("memory: every process of the fleet lives", not gone, gone)
