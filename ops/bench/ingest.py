"""HTTP in: from a request to its 202 after Redis has fsynced the job (`appendfsync always`), by wrk with 2 threads.

Single: one event of about 300 bytes a request, 64 connections. Batch: 500 events a request, 8 connections. Ours checks the key,
validates, maps and enqueues each event under its own id. Beside it, with the same bodies, on the same Redis: webdis (LPUSH of
the body; nothing is checked), and nginx that answers 202 and does nothing, which is what HTTP and wrk themselves cost here.
Nobody works the queue meanwhile. After each run the jobs in Redis are counted: as many as were acknowledged.
"""
import json
import os
import pathlib
import subprocess

from lib import fleet as fleets
from lib import packages, processes
from lib.redis import Client
from lib.report import OURS

LOAD = pathlib.Path(__file__).resolve().parent / "load.lua"
WEBDIS, NGINX = "webdis (LPUSH, nothing checked)", "nginx, return 202"
CONNECTIONS = {1: 64, 500: 8}


def measure(bench):
    versions = packages.need("wrk", *(["webdis", "nginx-light"] if bench.peers else []))
    bench.note(", ".join(f"{name} {version}" for name, version in versions.items()) +
               "; one ingest process, webdis 2 threads, nginx 1 worker; appendfsync always, no rewrite of the file meanwhile")
    with fleets.prepared(bench, "ingest") as fleet, processes.Processes(bench.subfolder("peers")) as group:
        fleet.start("ingest", [fleets.executable(fleet, "ingest")])
        fleets.wait_for_ingest(fleet)
        redis = Client(fleet.redis_port)
        redis.ask(("CONFIG", "SET", "auto-aof-rewrite-percentage", "0"))
        candidates = [Ours(fleet, redis)]
        if bench.peers:
            candidates += [Webdis(group, fleet, redis), Nginx(group)]
        for size in CONNECTIONS:
            for run in range(bench.runs + 1):
                for candidate in candidates:
                    if candidate.takes(size):
                        one_run(bench, candidate, size, run)
        redis.close()


def one_run(bench, candidate, size, run):
    """Run 0 warms up: it is checked and not recorded."""
    seconds = bench.size(5, 2) if run else 1
    cpu = processes.cpu_seconds(candidate.pid)
    seen = load(bench, candidate, size, seconds, run)
    cpu = processes.cpu_seconds(candidate.pid) - cpu
    acknowledged = (seen["requests"] - seen["refused"]) * size
    what = f"ingest, {size} event{'s' if size > 1 else ''} a request"
    bench.check(f"{what}, {candidate.who}: every request was answered by a 2xx", seen["refused"] == seen["broken"] == 0, seen)
    stored = candidate.stored()
    if stored is not None:
        bench.check(f"{what}, {candidate.who}: what was acknowledged is in Redis, and nothing else", stored == acknowledged,
                    f"{acknowledged} acknowledged, {stored} stored")
        candidate.forget()
    if run == 0:
        return
    # The last answers come a little after the last requests were sent.
    rate = acknowledged / (seconds + seen["p50"] / 1000)
    is_ours = candidate.who == OURS
    bench.record(what, rate, "events/s", candidate.who, "" if not is_ours else ">= 1.0 x webdis" if size == 1 else ">= 100,000")
    if candidate.who == NGINX:
        return
    bench.record(f"{what}: p50", seen["p50"], "ms", candidate.who)
    bench.record(f"{what}: p99", seen["p99"], "ms", candidate.who, "<= 8" if is_ours and size == 1 else "")
    bench.record(f"{what}: CPU of the server", cpu * 1e6 / acknowledged, "µs an event", candidate.who)


def load(bench, candidate, size, seconds, run):
    result = subprocess.run(
        ["wrk", "-t2", f"-c{CONNECTIONS[size]}", f"-d{seconds + 1}s", "--timeout", "30s", "-s", LOAD,
         f"http://127.0.0.1:{candidate.port}"], capture_output=True, text=True,
        env={**os.environ, "BENCH_METHOD": candidate.method, "BENCH_PATH": candidate.path, "BENCH_KEY": candidate.key,
             "BENCH_SIZE": str(size), "BENCH_SECONDS": str(seconds), "BENCH_RUN": f"r{run}s{size}"})
    line = next((line for line in result.stdout.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise RuntimeError(f"wrk: {result.stdout[-500:]} {result.stderr[-500:]}")
    return json.loads(line[7:])


class Ours:
    who, method, path = OURS, "POST", "/api/v1/events"

    def __init__(self, fleet, redis):
        self.port, self.key, self.redis, self.pid = fleet.ingest_port, fleet.key, redis, fleet.processes["ingest"].pid

    def takes(self, size):
        return True

    def stored(self):
        return self.redis.jobs("conversions")

    def forget(self):
        self.redis.forget_waiting("conversions")


class Webdis:
    who, method, path, key = WEBDIS, "PUT", "/LPUSH/events", ""

    def __init__(self, group, fleet, redis):
        self.port, self.redis = processes.free_port(), redis
        configuration = group.folder / "webdis.json"
        configuration.write_text(json.dumps({
            "redis_host": "127.0.0.1", "redis_port": fleet.redis_port, "http_host": "127.0.0.1", "http_port": self.port,
            "threads": 2, "pool_size": 20, "daemonize": False, "websockets": False, "database": 0, "verbosity": 0,
            "logfile": str(group.folder / "webdis.txt"), "acl": [{"enabled": ["LPUSH"]}]}))
        self.pid = group.start("webdis", ["webdis", configuration]).pid
        processes.wait(lambda: processes.opens(self.port), "webdis")

    def takes(self, size):
        """It has nothing like a batch."""
        return size == 1

    def stored(self):
        return self.redis.ask(("LLEN", "events"))[0]

    def forget(self):
        self.redis.ask(("DEL", "events"))


class Nginx:
    who, method, path, key = NGINX, "POST", "/", ""

    def __init__(self, group):
        self.port, folder = processes.free_port(), group.folder
        user = "user www-data;" if os.getuid() == 0 else ""
        (folder / "nginx.conf").write_text(f"""
            {user} worker_processes 1; daemon off; master_process off; error_log {folder}/nginx.txt; pid {folder}/nginx.pid;
            events {{ worker_connections 1024; }}
            http {{
              access_log off; keepalive_requests 1000000000; client_max_body_size 16m; client_body_buffer_size 512k;
              client_body_temp_path {folder}/n1; proxy_temp_path {folder}/n2; fastcgi_temp_path {folder}/n3;
              uwsgi_temp_path {folder}/n4; scgi_temp_path {folder}/n5;
              server {{ listen 127.0.0.1:{self.port}; location / {{ return 202; }} }}
            }}""")
        self.pid = group.start("nginx", ["/usr/sbin/nginx", "-c", folder / "nginx.conf", "-e", folder / "nginx.txt"]).pid
        processes.wait(lambda: processes.opens(self.port), "nginx")

    def takes(self, size):
        return True

    def stored(self):
        return None
