"""Deliveries: the engine alone, ten thousand in flight, and the whole worker with its rows on a backlog.

The engine alone opens secrets, signs, sends and judges, without rows and without a queue, to a receiver that answers at once
(nginx, `return 200`); beside it a sender in C on the same library (peers/webhook_floor.c). Ten thousand in flight go to a
receiver that answers after a second (peers/slow_receiver.c). With rows the webhook worker takes a backlog from Redis
(appendfsync always), writes each attempt before it is sent and its result afterwards; beside it Sidekiq with Net::HTTP
(peers/sidekiq_webhooks.rb), which writes none. Its settings are the defaults. After each run every delivery must be delivered
by one attempt, and the receiver must have counted the same.
"""
import contextlib
import json
import os
import pathlib
import re
import subprocess
import time
import urllib.request

from lib import fleet as fleets
from lib import packages, processes, redis

PEERS = pathlib.Path(__file__).resolve().parent / "peers"
ENDPOINTS = 16
BODY_BYTES = 300
IN_FLIGHT = 64
MANY_IN_FLIGHT, MANY_ENDPOINTS = 10000, 200
SIDEKIQS = 2
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
        user = "user www-data;" if os.getuid() == 0 else ""
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


def measure(bench):
    versions = packages.need("nginx-light", *(["ruby-sidekiq", "gcc", "libc6-dev", "libcurl4-openssl-dev", "libssl-dev"]
                                              if bench.peers else ["gcc", "libc6-dev"]))
    bench.note("webhooks: " + ", ".join(f"{name} {version}" for name, version in versions.items()))
    build(bench, "slow_receiver")
    if bench.peers:
        build(bench, "webhook_floor", "-lcurl", "-lcrypto")
    with processes.Processes(bench.subfolder("webhooks")) as started:
        receiver = Receiver(bench, started)
        for _ in range(bench.runs):
            engine(bench, receiver.url)
            if bench.peers:
                floor(bench, receiver.url)
            many(bench)
            rows(bench, receiver)
            if bench.peers:
                sidekiq(bench, receiver)


def build(bench, name, *libraries):
    subprocess.run(["gcc", "-O2", "-o", bench.folder / name, PEERS / f"{name}.c", *libraries], check=True)


ALONE = "webhooks, engine alone"
CPU = f"{ALONE}: CPU of the sender"


def run_engine(bench, url, in_flight, seconds, warm_up=1, endpoints=1):
    result = subprocess.run(
        [bench.binaries / "tributary-bench", "webhooks", "--url", url, "--in-flight", str(in_flight), "--seconds",
         str(seconds), "--warm-up", str(warm_up), "--body", str(BODY_BYTES), "--endpoints", str(endpoints)], capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


def engine(bench, url):
    seen = run_engine(bench, url, IN_FLIGHT, bench.size(4, 1))
    bench.record(ALONE, seen["deliveries_per_second"], "deliveries/s", goal=">= 25,000")
    bench.record(CPU, seen["cpu_us"], "µs a delivery", goal="<= 37")
    bench.check(f"{ALONE}: every attempt had a 2xx", not seen["failed"], seen["failed"])


def floor(bench, url):
    seconds, who = bench.size(4, 1), "libcurl in C"
    result = subprocess.run([bench.folder / "webhook_floor", url, str(IN_FLIGHT), "1", str(seconds), str(BODY_BYTES)],
                            capture_output=True, text=True, check=True)
    made, failed, cpu, _, _ = map(float, result.stdout.split())
    bench.record(ALONE, made / seconds, "deliveries/s", who=who)
    bench.record(CPU, cpu, "µs a delivery", who=who)
    bench.check(f"{ALONE}, {who}: every attempt had a 2xx", failed == 0, failed)


def many(bench):
    port = processes.free_port()
    what = f"webhooks, {MANY_IN_FLIGHT:,} in flight to {MANY_ENDPOINTS} hosts, answered after 1 s"
    with processes.Processes(bench.subfolder("slow")) as started:
        started.start("receiver", [bench.folder / "slow_receiver", port, 1000])
        processes.wait(lambda: processes.opens(port), "the slow receiver")
        # Hosts of their own, as endpoints have; all of 127/8 is this machine.
        seen = run_engine(bench, f"http://127.0.1.%n:{port}/hook", MANY_IN_FLIGHT, bench.size(5, 2), warm_up=4,
                          endpoints=MANY_ENDPOINTS)
    bench.record(what, seen["deliveries_per_second"], "deliveries/s", goal="10,000")
    bench.record(f"{what}: CPU of the sender", seen["cpu_us"], "µs a delivery")
    bench.check(f"{what}: every attempt had a 2xx", not seen["failed"], seen["failed"])


BACKLOG = """
with event as (
  insert into webhook_events (id, programme, partner_id, type, body)
  select 'msg_b' || n, 'default', (select id from partners limit 1), 'commission.created',
         convert_to(rpad('{{"id":"msg_b' || n || '","type":"commission.created","data":"', {body} - 2, 'x') || '"}}', 'UTF8')
  from generate_series(1, {count}) n returning id),
endpoint as (select array_agg(id) as ids from webhook_endpoints where url like '%/hook/%')
insert into webhook_deliveries (id, event_id, endpoint_id)
select gen_random_uuid(), event.id, endpoint.ids[1 + (row_number() over ()) % {endpoints}] from event, endpoint
"""
ROWS = "webhooks with their rows"


def rows(bench, receiver):
    count = bench.size(60000, 5000)
    with fleets.prepared(bench, "rows") as fleet:
        for number in range(ENDPOINTS):
            fleet.inspect("endpoint", "add", "--partner", "PARTNER001", "--url", f"{receiver.url}/{number}")
        fleet.query(BACKLOG.format(count=count, body=BODY_BYTES, endpoints=ENDPOINTS))
        fleet.query("vacuum analyze")
        fleet.inspect("rebuild")
        before = receiver.count()
        fleet.start("webhook", [fleets.executable(fleet, "webhook-worker")])
        worker = fleet.processes["webhook"]
        processes.wait(lambda: fleet.query("select 1 from webhook_deliveries where status = 'owed' limit 1") == [],
                       "the last delivery", seconds=120, pause=0.2)
        cpu = processes.cpu_seconds(worker.pid)
        seconds = float(fleet.query("select extract(epoch from max(finished_at) - min(started_at)) from webhook_attempts")[0])
        delivered, attempts = map(int, fleet.query(
            "select (select count(*) from webhook_deliveries where status = 'delivered' and attempt = 1),"
            " (select count(*) from webhook_attempts where http_status = 200)")[0].split("|"))
        received = receiver.count() - before - 1
    bench.record(ROWS, count / seconds, "deliveries/s", goal=">= 8,000")
    bench.record(f"{ROWS}: CPU of the worker", cpu * 1e6 / count, "µs a delivery")
    bench.check(f"{ROWS}: each delivered once, by one attempt, and received once",
                delivered == attempts == received == count, f"{delivered}, {attempts}, {received} of {count}")


def sidekiq(bench, receiver):
    count, who = bench.size(20000, 2000), f"Sidekiq, {SIDEKIQS} x 10 threads, Net::HTTP, no rows"
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(redis.Redis(bench, "always"))
        started = stack.enter_context(processes.Processes(bench.subfolder("sidekiq")))
        environment = {"REDIS_URL": store.url, "BENCH_URL": receiver.url}
        subprocess.run(["ruby", PEERS / "sidekiq_webhooks.rb", "enqueue", str(count), str(BODY_BYTES)], check=True,
                       env={**os.environ, **environment})
        before = receiver.count()
        workers = [started.start(f"sidekiq-{number}", ["sidekiq", "-c", 10, "-r", PEERS / "sidekiq_webhooks.rb"], environment)
                   for number in range(SIDEKIQS)]
        # Each look is a request of its own. Sidekiq's start is not counted.
        looks, seen, begin = 0, 0, None
        while seen < count:
            time.sleep(0.02)
            looks += 1
            seen = receiver.count() - before - looks
            if begin is None and seen > 0:
                begin, first = time.monotonic(), seen
            if begin is not None and time.monotonic() - begin > 120:
                raise RuntimeError(f"Sidekiq delivered {seen} of {count} in 120 s")
        seconds = time.monotonic() - begin
        cpu = sum(processes.cpu_seconds(worker.pid) for worker in workers)
        for worker in workers:
            started.end(worker)
        received = receiver.count() - before - looks - 1
    bench.record(ROWS, (count - first) / seconds, "deliveries/s", who=who)
    bench.record(f"{ROWS}: CPU of the worker", cpu * 1e6 / count, "µs a delivery", who=who)
    bench.check(f"{ROWS}, {who}: each was received once", received == count, f"{received} of {count}")
