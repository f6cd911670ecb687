#!/usr/bin/env python3
"""The order step, twice: the plain one beside peers (order_work.py), and the fleet's own, which does much more.

The fleet's: one conversion and one commission worker on a backlog, with no ingest and no webhooks beside them. The backlog is
made by real requests: created and confirmed events wait in Redis (appendfsync always) before the workers start. An order is
then two stored events with their facts, a conversion, a commission with its policy trace, a ledger entry and an audit row.
The clock starts with the processes and stops when the last ledger entry is committed. Alone: `ops/bench/order_step.py --help`.
"""
import os
import pathlib
import subprocess
import sys
import time

if __name__ == "__main__":
    os.execv(pathlib.Path(__file__).with_name("run"), ["run", "order-step", *sys.argv[1:]])

import order_work  # noqa: E402
from lib import fleet as fleets  # noqa: E402
from lib import processes  # noqa: E402

WHAT = "fleet's order step"
PARTS = {"PostgreSQL": "postgres", "Redis": "redis", "the conversion worker": "conversion", "the commission worker": "commission"}
COUNTS = {"inbound_events": 2, "order_facts": 2, "orders": 1, "conversion_events": 1, "partner_commissions": 1,
          "ledger_entries": 1, "audit_logs": 1}


def measure(bench):
    order_work.measure(bench)
    orders = bench.size(20_000, 2_000)
    bench.note(f"{WHAT}: {orders:,} orders, created and confirmed; TRIBUTARY_BATCH 100; one conversion and one commission "
               "worker; PostgreSQL freshly made, with fsync and synchronous commit")
    for _ in range(bench.runs):
        with fleets.prepared(bench, "order-step") as fleet:
            # Nobody is owed a webhook: what is measured ends at the ledger.
            fleet.query("delete from webhook_endpoints")
            fill(fleet, orders)
            one_run(bench, fleet, orders)


def fill(fleet, orders):
    """All created first, then all confirmed, as a backlog would be."""
    start = time.time() - 600
    fleet.start("ingest", [fleets.executable(fleet, "ingest")])
    fleets.wait_for_ingest(fleet)
    fleets.post(fleet, [fleets.created(number, start) for number in range(orders)]
                + [fleets.confirmed(number, start + 1) for number in range(orders)])
    process = fleet.processes.pop("ingest")
    process.terminate()
    process.wait()


def one_run(bench, fleet, orders):
    watch = Watch(fleet)
    before = cpu(fleet)
    begin = time.monotonic()
    for name in ("conversion", "commission"):
        fleet.start(name, [fleets.executable(fleet, f"{name}-worker")])
    # The sequence costs nothing to read; the rows are counted when it says that it is worth it.
    while (watch.number("select coalesce(pg_sequence_last_value('ledger_entries_id_seq'), 0)") < orders
           or watch.number("select count(*) from ledger_entries") < orders):
        if time.monotonic() - begin > 240:
            raise RuntimeError(f"the order step: not within 240 s; logs in {fleet.folder}")
        time.sleep(0.02)
    seconds = time.monotonic() - begin
    after = cpu(fleet)
    watch.close()
    bench.record(WHAT, orders / seconds, "orders/s")
    for part in PARTS:
        bench.record(f"{WHAT}: CPU of {part}", (after[part] - before[part]) * 1e6 / orders, "µs an order")
    *rows, owed = map(int, fleet.query("select " + ", ".join(f"(select count(*) from {table})" for table in COUNTS) + ", "
                                       "(select count(*) from orders where priced_seq < facts_seq)")[0].split("|"))
    bench.check(f"{WHAT}: each order has each of its rows once, and owes nothing",
                rows == [orders * each for each in COUNTS.values()] and owed == 0, dict(zip(COUNTS, rows)) | {"owed": owed})
    bench.check(f"{WHAT}: the ledger is in order", fleet.inspect("ledger", "check")[0] == 0)


def cpu(fleet):
    return {part: processes.cpu_seconds_of_all(fleet.processes[name].pid) if name in fleet.processes else 0.0
            for part, name in PARTS.items()}


class Watch:
    """One psql that stays, so that looking at the progress costs next to nothing."""

    def __init__(self, fleet):
        self.process = subprocess.Popen(
            ["psql", "-XAtq", "-d", fleet.environment["TRIBUTARY_POSTGRES_URL"]], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, bufsize=1, env={**os.environ, "PGOPTIONS": "-c search_path=tributary"})

    def number(self, sql):
        self.process.stdin.write(sql + ";\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()
