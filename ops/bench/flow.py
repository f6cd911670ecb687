#!/usr/bin/env python3
"""Measures the whole flow and the ingest on a private fleet: real Redis (appendfsync always), real PostgreSQL, release build.

flow    HTTP requests created + confirmed -> conversion, commission, ledger, audit, one webhook verified by its receiver.
        An order counts when the receiver has written down its verified webhook; afterwards the ledger is checked.
ingest  wrk posts one event a request at 64 connections; only answers 202 count.
batch   the same with 500 events a request.

Prints lines of a Markdown table. usage: ops/bench/flow.py --binaries .build/release [--orders N] [--seconds N]
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fleet"))
from kill_fleet import Fleet, instant  # noqa: E402

WRK_SCRIPT = """
local key, size = os.getenv("BENCH_KEY"), tonumber(os.getenv("BENCH_SIZE"))
local thread, counter = 0, 0
function setup(t) t:set("number", thread); thread = thread + 1 end
local function event()
  counter = counter + 1
  local id = string.format("%s-%d-%d", os.getenv("BENCH_RUN"), number, counter)
  return '{"id":"' .. id .. '","type":"order.created","orderId":"' .. id .. '","orderAmount":100000,"currency":"KRW",' ..
    '"referralCode":"PARTNER001","productId":"product-uuid-123","productPrice":100000,"quantity":1,' ..
    '"customerId":"customer-uuid-abc","isNewCustomer":false,"occurredAt":"2026-11-20T00:00:00.000Z"}'
end
function request()
  local body
  if size == 1 then body = event() else
    local events = {}
    for i = 1, size do events[i] = event() end
    body = "[" .. table.concat(events, ",") .. "]"
  end
  return wrk.format("POST", "/api/v1/events", {["Authorization"] = "Bearer " .. key, ["Content-Type"] = "application/json"}, body)
end
function done(summary, latency)
  local good = summary.requests - summary.errors.status
  io.write(string.format('RESULT {"good":%d,"bad":%d,"seconds":%f,"p50":%f,"p99":%f}\\n', good, summary.errors.status,
    summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


def prepare(fleet):
    fleet.start_servers()
    fleet.inspect("migrate")
    fleet.inspect("seed")
    fleet.inspect("partner", "add", "--code", "PARTNER001", "--name", "Ada", "--tier", "gold")
    endpoint = fleet.inspect("endpoint", "add", "--partner", "PARTNER001", "--events", "commission.created", "--url",
                             f"http://127.0.0.1:{fleet.receiver_port}/hook")[1]
    fleet.endpoints.write_text(json.dumps({"/hook": {"secrets": [endpoint["secret"]]}}))
    return fleet.inspect("key", "add", "--source", "shop", "--name", "shop")[1]["key"]


def verified(fleet):
    with open(fleet.journal, "rb") as file:
        return sum(chunk.count(b'"verified":true') for chunk in iter(lambda: file.read(1 << 20), b""))


def flow(fleet, key, orders):
    import http.client
    size, start = 50, time.time() - 60
    pairs = [[{"id": f"c{n}", "type": "order.created", "orderId": f"b{n}", "orderAmount": 100000, "currency": "KRW",
               "referralCode": "PARTNER001", "isNewCustomer": False, "occurredAt": instant(start)},
              {"id": f"k{n}", "type": "order.confirmed", "orderId": f"b{n}", "occurredAt": instant(start + 1)}]
             for n in range(orders)]
    bodies = [json.dumps(sum(pairs[i:i + size // 2], [])).encode() for i in range(0, orders, size // 2)]
    begin, position, lock, bad = time.monotonic(), [0], threading.Lock(), []

    def send():
        connection = http.client.HTTPConnection("127.0.0.1", fleet.ingest_port, timeout=30)
        while True:
            with lock:
                if position[0] >= len(bodies):
                    return
                body = bodies[position[0]]
                position[0] += 1
            connection.request("POST", "/api/v1/events", body, {"Authorization": f"Bearer {key}",
                                                                "Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 202:
                bad.append(answer.status)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    accepted = time.monotonic() - begin
    while verified(fleet) < orders and time.monotonic() - begin < 180:
        time.sleep(0.05)
    seconds = time.monotonic() - begin
    code, _ = fleet.inspect("ledger", "check")
    print(f"| whole flow, created + confirmed, {orders} orders | {orders / seconds:,.0f} orders/s | "
          f"accepted in {accepted:.1f} s, {verified(fleet)} verified, {len(bad)} refused, ledger check exit {code} |", flush=True)


def ingest(fleet, key, size, seconds):
    script = fleet.folder / "wrk.lua"
    script.write_text(WRK_SCRIPT)
    connections = 64 if size == 1 else 8
    result = subprocess.run(
        ["wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script),
         f"http://127.0.0.1:{fleet.ingest_port}"], capture_output=True, text=True,
        env={**fleet.environment, "BENCH_KEY": key, "BENCH_SIZE": str(size), "BENCH_RUN": f"w{size}"})
    line = next((line for line in result.stdout.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise SystemExit(result.stdout + result.stderr)
    seen = json.loads(line[7:])
    print(f"| ingest, {size} event(s) a request, {connections} connections | {seen['good'] * size / seen['seconds']:,.0f} events/s | "
          f"p50 {seen['p50']:.1f} ms, p99 {seen['p99']:.1f} ms, {seen['bad']} not 2xx |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", required=True)
    parser.add_argument("--orders", type=int, default=20000)
    parser.add_argument("--seconds", type=int, default=5)
    options = parser.parse_args()
    print("| measurement | figure | beside it |\n| --- | --- | --- |")
    for part in ("flow", "ingest"):
        folder = tempfile.mkdtemp(prefix="tributary-bench-")
        fleet = Fleet(folder, options.binaries)
        fleet.environment.update({"TRIBUTARY_BATCH": "100", "TRIBUTARY_LEASE_MS": "15000", "TRIBUTARY_LOG_LEVEL": "warning"})
        try:
            key = prepare(fleet)
            if part == "flow":
                fleet.start_fleet()
                fleet.wait(lambda: ready(fleet), "the ingest")
                flow(fleet, key, options.orders)
            else:
                # No workers: what is measured is the way in.
                fleet.start("ingest", [str(fleet.binaries / "tributary-ingest")])
                fleet.wait(lambda: ready(fleet), "the ingest")
                ingest(fleet, key, 1, options.seconds)
                ingest(fleet, key, 500, options.seconds)
        finally:
            fleet.stop()
            shutil.rmtree(folder, ignore_errors=True)


def ready(fleet):
    """The ingest answers 401 to a request without a key as soon as it knows its keys."""
    import http.client
    try:
        connection = http.client.HTTPConnection("127.0.0.1", fleet.ingest_port, timeout=2)
        connection.request("POST", "/api/v1/events", b"{}", {"Content-Type": "application/json"})
        return connection.getresponse().status == 401
    except OSError:
        return False


if __name__ == "__main__":
    main()
