"""How long from an order's confirmation to its webhook, through the whole fleet with everything on (see flow.py).

Idle: one order at a time, with a pause between them; from the moment the confirmation is sent to the moment its verified
webhook is found in the receiver's journal. Load: 500 orders a second, open loop: each order's created and, a second later,
confirmed event are single requests, each sent at its own moment whatever became of those before it; latency counts from the
moment the confirmation was due. The receiver notes milliseconds, cut off, so a millisecond is added.
"""
import contextlib
import http.client
import json
import random
import time

from lib import fleet as fleets
from lib import sender
from lib.report import percentile

RATE = 500
SHARDS = (16, 4)


def measure(bench):
    bench.note(f"{RATE} orders/s are {2 * RATE} single requests a second; sender and receiver are Python on the same cores")
    bench.note("16 shards are the default; the fewer there are, the larger are the batches that form under a steady load")
    for _ in range(bench.runs):
        for shards in SHARDS:
            with fleets.prepared(bench, "latency", TRIBUTARY_SHARDS=str(shards)) as fleet:
                fleets.keep_bodies(fleet)
                fleet.start_fleet()
                fleets.wait_for_ingest(fleet)
                one_run(bench, fleet, f"{shards} shards")


def one_run(bench, fleet, title):
    journal = fleets.Journal(fleet)
    warm_up, single = bench.size((100, 200), (20, 40))
    idle(bench, fleet, journal, title, "w", warm_up, record=False)
    idle(bench, fleet, journal, title, "i", single)
    loaded = load(bench, fleet, journal, title, bench.size(20, 5))
    journal.close()
    fleets.check_books(bench, fleet, f"latency, {title}", warm_up + single + loaded)


def arrivals(journal):
    """(order, when in seconds) of verified webhooks that have come since the last look."""
    for line in journal.new_lines():
        delivery = json.loads(line)
        if delivery["verified"]:
            yield json.loads(delivery["body"])["data"]["orderId"], (delivery["at"] + 1) / 1000


def idle(bench, fleet, journal, title, prefix, orders, record=True):
    latencies = []
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", fleet.ingest_port, timeout=30)) as connection:
        def post(event):
            connection.request("POST", "/api/v1/events", json.dumps(event).encode(), sender.headers(fleet.key))
            answer = connection.getresponse()
            answer.read()
            if answer.status != 202:
                raise RuntimeError(f"an event was answered by {answer.status}")

        for number in range(orders):
            post(fleets.created(number, time.time() - 1, prefix))
            time.sleep(random.uniform(0.04, 0.08))
            begin = time.time()
            post(fleets.confirmed(number, begin, prefix))
            while not (seen := list(arrivals(journal))):
                if time.time() > begin + 30:
                    raise RuntimeError("a webhook did not come within 30 s")
                time.sleep(0.0005)
            latencies.append(time.time() - begin)
            bench.check(f"latency, {title}, idle: the webhook is this order's",
                        [order for order, _ in seen] == [f"{prefix}-{number}"], seen)
    if record:
        latencies.sort()
        bench.record(f"confirmed to webhook, {title}, idle: p50", 1000 * percentile(latencies, 0.5), "ms", goal="<= 10")
        bench.record(f"confirmed to webhook, {title}, idle: p99", 1000 * percentile(latencies, 0.99), "ms", goal="<= 40")


def load(bench, fleet, journal, title, seconds):
    orders, start = RATE * seconds, time.time() + 0.5
    due = {f"o-{number}": start + 1 + number / RATE for number in range(orders)}
    schedule = [(start + number / RATE, json.dumps(fleets.created(number, start - 1)).encode()) for number in range(orders)]
    schedule += [(due[f"o-{number}"], json.dumps(fleets.confirmed(number, start)).encode()) for number in range(orders)]
    statuses, late = sender.at_their_moments(fleet.ingest_port, fleet.key, sorted(schedule))
    end, latencies = time.time() + 60, {}
    twice = 0
    while len(latencies) < orders and time.time() < end:
        for order, at in arrivals(journal):
            twice += order in latencies
            latencies[order] = at - due[order]
        time.sleep(0.1)
    bench.check(f"latency, {title}, load: every request was answered by 202", statuses == {202: 2 * orders}, dict(statuses))
    bench.check(f"latency, {title}, load: one verified webhook an order", len(latencies) == orders and twice == 0,
                f"{len(latencies)} of {orders}, {twice} more than once")
    ordered, late = sorted(latencies.values()), sorted(late)
    bench.record(f"confirmed to webhook, {title}, {RATE} orders/s: p50", 1000 * percentile(ordered, 0.5), "ms")
    bench.record(f"confirmed to webhook, {title}, {RATE} orders/s: p99", 1000 * percentile(ordered, 0.99), "ms", goal="<= 150")
    bench.record(f"confirmed to webhook, {title}, {RATE} orders/s: p99 of how late the sender itself was",
                 1000 * percentile(late, 0.99), "ms")
    return orders
