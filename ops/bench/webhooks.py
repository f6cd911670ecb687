"""Deliveries to a fast receiver (nginx, `return 200`): the engine alone, and the whole worker with its rows on a backlog.

The engine alone opens secrets, signs, sends and judges, without rows and without a queue; beside it a sender in C on the
same library (peers/curl_floor.c). With rows the webhook worker takes a backlog from Redis (appendfsync always), writes each
attempt before it is sent and its result afterwards; beside it Sidekiq with Net::HTTP (peers/sidekiq_webhooks.rb), which
writes no rows. After each run every delivery must be delivered by one attempt, and the receiver must have counted the same.
"""
import json
import pathlib
import re
import subprocess
import sys
import time
import urllib.request

from lib import packages, processes

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fleet"))
from kill_fleet import Fleet  # noqa: E402

PEERS = pathlib.Path(__file__).resolve().parent / "peers"
ENDPOINTS = 16
BODY_BYTES = 300
IN_FLIGHT = 64
NGINX = """
worker_processes 1; error_log {folder}/error.log; pid {folder}/nginx.pid; daemon off; {user}
events {{ worker_connections 20000; }}
http {{
  access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ return 200 "ok"; }}
    location /requests {{ stub_status; }}
  }}
}}
"""


class Receiver:
    """nginx with one worker process: some 90,000 requests a second, so that it is not what limits."""

    def __init__(self, bench, started):
        folder, self.port = bench.subfolder("nginx"), processes.free_port()
        user = "user www-data;" if pathlib.Path("/etc/debian_version").exists() and is_root() else ""
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=self.port, user=user))
        self.process = started.start("nginx", ["nginx", "-c", folder / "nginx.conf", "-e", folder / "error.log"])
        processes.wait(lambda: processes.opens(self.port), "nginx")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/hook"

    def count(self):
        """Requests so far, this one included."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/requests") as answer:
            return int(re.search(r"(\d+) (\d+) (\d+)", answer.read().decode())[3])


def is_root():
    import os
    return os.getuid() == 0


def measure(bench):
    bench.note(f"nginx {packages.need('nginx-light')['nginx-light']}")
    with processes.Processes(bench.subfolder("webhooks")) as started:
        receiver = Receiver(bench, started)
        for _ in range(bench.runs):
            engine(bench, receiver)
            rows(bench, receiver)


def engine(bench, receiver):
    seconds = bench.size(4, 1)
    result = subprocess.run(
        [bench.binaries / "tributary-bench", "webhooks", "--url", receiver.url, "--in-flight", str(IN_FLIGHT),
         "--seconds", str(seconds), "--body", str(BODY_BYTES)], capture_output=True, text=True, check=True)
    seen = json.loads(result.stdout)
    bench.record("webhooks, engine alone", seen["deliveries_per_second"], "deliveries/s", goal=">= 25,000")
    bench.record("webhooks, engine alone: CPU of the sender", seen["cpu_us"], "µs a delivery", goal="<= 37")
    bench.check("webhooks, engine alone: every attempt had a 2xx", not seen["failed"], seen["failed"])


BACKLOG = """
with event as (
  insert into webhook_events (id, programme, partner_id, type, body)
  select 'msg_b' || n, 'default', (select id from partners limit 1), 'commission.created',
         convert_to(rpad('{{"id":"msg_b' || n || '","type":"commission.created","data":"', {body} - 2, 'x') || '"}}', 'UTF8')
  from generate_series(1, {count}) n returning id)
insert into webhook_deliveries (id, event_id, endpoint_id)
select gen_random_uuid(), id, (select array_agg(id) from webhook_endpoints)[1 + (row_number() over ()) % {endpoints}]
from event
"""


def rows(bench, receiver):
    count = bench.size(60000, 5000)
    fleet = Fleet(bench.subfolder("fleet"), bench.binaries)
    fleet.environment.update(TRIBUTARY_BATCH="100", TRIBUTARY_LEASE_MS="15000", TRIBUTARY_LOG_LEVEL="warning",
                             TRIBUTARY_ALLOW_DESTINATIONS="127.0.0.0/8", TRIBUTARY_ALLOW_HTTP="1")
    try:
        fleet.start_servers()
        fleet.inspect("migrate")
        fleet.inspect("partner", "add", "--code", "PARTNER001", "--name", "Ada")
        for number in range(ENDPOINTS):
            fleet.inspect("endpoint", "add", "--partner", "PARTNER001", "--url", f"{receiver.url}/{number}")
        fleet.query(BACKLOG.format(count=count, body=BODY_BYTES, endpoints=ENDPOINTS))
        fleet.query("vacuum analyze")
        fleet.inspect("rebuild")
        before = receiver.count()
        fleet.start("webhook", [str(fleet.binaries / "tributary-webhook-worker")])
        worker = fleet.processes["webhook"]
        end = time.monotonic() + 120
        while int(fleet.query("select count(*) from webhook_deliveries where status = 'owed'")[0]) > 0:
            if time.monotonic() > end:
                raise RuntimeError("the backlog was not delivered in 120 s")
            time.sleep(0.2)
        cpu = processes.cpu_seconds(worker.pid)
        seconds = float(fleet.query("select extract(epoch from max(finished_at) - min(started_at)) from webhook_attempts")[0])
        delivered, attempts = map(int, fleet.query(
            "select (select count(*) from webhook_deliveries where status = 'delivered' and attempt = 1),"
            " (select count(*) from webhook_attempts where http_status = 200)")[0].split("|"))
        received = receiver.count() - before - 1
        bench.record("webhooks with their rows", count / seconds, "deliveries/s", goal=">= 8,000")
        bench.record("webhooks with their rows: CPU of the worker", cpu * 1e6 / count, "µs a delivery")
        bench.check("webhooks with their rows: each delivered once, by one attempt, and received once",
                    delivered == attempts == received == count, f"{delivered}, {attempts}, {received} of {count}")
    finally:
        fleet.stop()
