"""The real fleet for a benchmark: servers, schema, a partner with an endpoint, an API key."""
import contextlib
import datetime
import http.client
import json
import sys

from . import processes, sender
from .machine import ROOT

sys.path.insert(0, str(ROOT / "ops/fleet"))
from fleet import Fleet  # noqa: E402

SETTINGS = {"TRIBUTARY_BATCH": "100", "TRIBUTARY_LEASE_MS": "15000", "TRIBUTARY_LOG_LEVEL": "warning"}


@contextlib.contextmanager
def prepared(bench, name, **settings):
    """A fleet with these settings over SETTINGS, whose servers run and whose key is `fleet.key`; its processes are the
    caller's to start. Redis fsyncs always."""
    fleet = Fleet(bench.subfolder(name), bench.binaries)
    fleet.environment.update({**SETTINGS, **settings})
    try:
        fleet.start_servers()
        fleet.inspect("migrate")
        fleet.inspect("seed")
        fleet.inspect("partner", "add", "--code", "PARTNER001", "--name", "Ada", "--tier", "gold")
        endpoint = fleet.inspect("endpoint", "add", "--partner", "PARTNER001", "--events", "commission.created", "--url",
                                 f"http://127.0.0.1:{fleet.receiver_port}/hook")[1]
        fleet.endpoints.write_text(json.dumps({"/hook": {"secrets": [endpoint["secret"]]}}))
        fleet.key = fleet.inspect("key", "add", "--source", "shop", "--name", "shop")[1]["key"]
        yield fleet
    finally:
        fleet.stop()


def wait_for_ingest(fleet):
    """It answers 401 to a request without a key as soon as it knows its keys."""
    def answers():
        try:
            connection = http.client.HTTPConnection("127.0.0.1", fleet.ingest_port, timeout=2)
            connection.request("POST", "/api/v1/events", b"{}", {"Content-Type": "application/json"})
            return connection.getresponse().status == 401
        except OSError:
            return False
    processes.wait(answers, "the ingest")


def post(fleet, events, together=500):
    """Sends events in order, so many a request; each request must be answered by 202."""
    bodies = [json.dumps(events[first:first + together]).encode() for first in range(0, len(events), together)]
    statuses = sender.as_fast_as_answered(fleet.ingest_port, fleet.key, bodies, threads=1)
    if statuses != {202: len(bodies)}:
        raise RuntimeError(f"the ingest answered {dict(statuses)}")


class Journal:
    """What the receiver has written down, read piece by piece."""

    def __init__(self, fleet):
        self.file, self.rest = open(fleet.journal, "rb"), b""

    def new_lines(self):
        self.rest += self.file.read()
        *lines, self.rest = self.rest.split(b"\n")
        return lines

    def close(self):
        self.file.close()


def keep_bodies(fleet):
    """Starts the receiver again such that it writes bodies down, which name the order."""
    fleet.processes["receiver"].kill()
    fleet.processes["receiver"].wait()
    (fleet.folder / "receiver.ready").unlink()
    fleet.start("receiver", [*fleet.commands["receiver"], "--keep-bodies"])
    processes.wait((fleet.folder / "receiver.ready").exists, "the receiver")


def check_books(bench, fleet, what, orders):
    """Each order has its conversion, commission, ledger entry and audit row, once; nothing is owed; the ledger adds up."""
    tables = ["orders", "conversion_events", "partner_commissions", "ledger_entries", "audit_logs", "webhook_deliveries"]
    parts = [f"(select count(*) from {table})" for table in tables]
    parts += ["(select count(*) from orders where priced_seq < facts_seq)",
              "(select count(*) from webhook_deliveries where status <> 'delivered')"]
    # The receiver has answered before the worker has written that down.
    processes.wait(lambda: fleet.query("select count(*) from webhook_deliveries where status = 'owed'") == ["0"],
                   f"{what}: the last delivery's row")
    *rows, unpriced, undelivered = map(int, fleet.query("select " + ", ".join(parts))[0].split("|"))
    bench.check(f"{what}: each order has each of its rows once", rows == [orders] * len(tables), dict(zip(tables, rows)))
    bench.check(f"{what}: nothing is owed", unpriced == undelivered == 0, (unpriced, undelivered))
    bench.check(f"{what}: the ledger is in order", fleet.inspect("ledger", "check")[0] == 0)


def executable(fleet, name):
    return str(fleet.binaries / f"tributary-{name}")


def instant(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat(timespec="milliseconds")


def created(number, at, prefix="o"):
    return {"id": f"{prefix}-c{number}", "type": "order.created", "orderId": f"{prefix}-{number}", "orderAmount": 100000,
            "currency": "KRW", "referralCode": "PARTNER001", "productId": "product-uuid-123", "productPrice": 100000,
            "quantity": 1, "customerId": "customer-uuid-abc", "isNewCustomer": False, "occurredAt": instant(at)}


def confirmed(number, at, prefix="o"):
    return {"id": f"{prefix}-k{number}", "type": "order.confirmed", "orderId": f"{prefix}-{number}", "occurredAt": instant(at)}
