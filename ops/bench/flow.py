"""The whole flow with everything on: HTTP requests created + confirmed -> conversion, commission, ledger, audit, one webhook
that its receiver has verified and written down. Redis with `appendfsync always`, PostgreSQL with fsync; two of each worker,
two schedulers, one ingest, and the sender and the receiver (Python) on the same cores.

Events are sent 50 a request on 4 connections as fast as they are accepted; an order counts when the receiver has written down
its verified webhook. Each run has fresh servers. Afterwards every row of every order is counted and the ledger is checked.
There is no peer for all of this; numbers of the parts beside peers are in the other measurements.
"""
import json
import threading
import time

from lib import fleet as fleets
from lib import processes, sender

TOGETHER = 25


def measure(bench):
    bench.note("50 events a request, 4 connections; TRIBUTARY_BATCH 100; receiver verifies in Python, with the library "
               "standardwebhooks where it is installed")
    for _ in range(bench.runs):
        with fleets.prepared(bench, "flow") as fleet:
            fleet.start_fleet()
            fleets.wait_for_ingest(fleet)
            one_run(bench, fleet, bench.size(20_000, 2_000))


def one_run(bench, fleet, orders):
    start = time.time() - 60
    bodies = [json.dumps([event for number in range(first, min(orders, first + TOGETHER))
                          for event in (fleets.created(number, start), fleets.confirmed(number, start + 1))]).encode()
              for first in range(0, orders, TOGETHER)]
    before, answers, accepted = cpu(fleet), [], []
    journal, ids, verified = fleets.Journal(fleet), set(), 0
    begin = time.monotonic()

    def send():
        answers.append(sender.as_fast_as_answered(fleet.ingest_port, fleet.key, bodies))
        accepted.append(time.monotonic() - begin)

    thread = threading.Thread(target=send)
    thread.start()
    end = begin + 240
    while verified < orders and time.monotonic() < end:
        time.sleep(0.05)
        for line in journal.new_lines():
            if b'"verified":true' in line:
                verified += 1
                ids.add(line.partition(b'"id":"')[2].partition(b'"')[0])
    seconds = time.monotonic() - begin
    thread.join()
    after = cpu(fleet)
    journal.close()
    bench.check("flow: every request was answered by 202", answers[0] == {202: len(bodies)}, dict(answers[0]))
    bench.check("flow: one verified webhook an order", len(ids) == verified == orders, f"{verified} verified, {len(ids)} ids")
    fleets.check_books(bench, fleet, "flow", orders)
    bench.record("whole flow", orders / seconds, "orders/s", goal=">= 2,500")
    bench.record("whole flow: events accepted (202)", 2 * orders / accepted[0], "events/s")
    for name in after:
        bench.record(f"whole flow: CPU of {name}", (after[name] - before[name]) * 1e6 / orders, "µs an order")


def cpu(fleet):
    """CPU seconds so far by part, which shows what the two cores are spent on."""
    parts = {"PostgreSQL": 0.0, "Redis": 0.0, "the ingest": 0.0, "conversion workers": 0.0, "commission workers": 0.0,
             "webhook workers": 0.0, "the other workers": 0.0, "the receiver": 0.0}
    names = {"postgres": "PostgreSQL", "redis": "Redis", "ingest": "the ingest", "conversion": "conversion workers",
             "commission": "commission workers", "webhook": "webhook workers", "receiver": "the receiver"}
    for name, process in fleet.processes.items():
        part = names.get(name.split("-")[0], "the other workers")
        parts[part] += processes.cpu_seconds_of_all(process.pid)
    return parts
