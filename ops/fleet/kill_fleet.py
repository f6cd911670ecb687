#!/usr/bin/env python3
"""Kills the running fleet at random while orders flow, and then counts everything.

Real Redis (appendfsync always), real PostgreSQL, two of each worker, an ingest and a receiver. Processes are ended with
kill -9 or stopped (SIGSTOP) past their lease and restarted; once Redis loses all its data and `tributary rebuild` follows.
Afterwards every event whose 202 was read must have exactly its effect: the money is computed from that list alone by
ops/oracle, which shares no code with the fleet; the ledger adds up; every owed webhook was received, with one body an id.

The last line is "passed failed". The seed is printed and TRIBUTARY_SEED repeats it.
"""
import argparse
import datetime
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORKERS = ["click", "conversion", "commission", "webhook", "notification", "batch"]
LEASE_SECONDS = 3


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def die_with_parent():
    import ctypes
    ctypes.CDLL("libc.so.6").prctl(1, signal.SIGKILL)


class Fleet:
    """Servers and processes under one folder, each of which can be killed and started again."""

    def __init__(self, folder, binaries):
        self.folder, self.binaries = pathlib.Path(folder), pathlib.Path(binaries)
        self.redis_port, self.postgres_port, self.ingest_port, self.receiver_port = (free_port() for _ in range(4))
        self.processes, self.commands = {}, {}
        self.environment = {
            **os.environ, "TRIBUTARY_REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0",
            "TRIBUTARY_POSTGRES_URL": f"postgresql://postgres@127.0.0.1:{self.postgres_port}/postgres",
            "TRIBUTARY_INGEST_PORT": str(self.ingest_port), "TRIBUTARY_DEMO": "1", "TRIBUTARY_ALLOW_HTTP": "1",
            "TRIBUTARY_ALLOW_DESTINATIONS": "127.0.0.0/8", "TRIBUTARY_LEASE_MS": str(LEASE_SECONDS * 1000),
            "TRIBUTARY_MASTER_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
            "TRIBUTARY_PRIVACY_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "TRIBUTARY_BATCH": "20",
        }
        # The run's own seed is not the processes' business.
        self.environment.pop("TRIBUTARY_SEED", None)

    def start(self, name, command):
        self.commands[name] = command
        log = open(self.folder / f"{name}.log", "ab")
        self.processes[name] = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment, preexec_fn=die_with_parent)

    def restart(self, name):
        process = self.processes[name]
        process.kill()
        process.wait()
        self.start(name, self.commands[name])

    def inspect(self, *arguments):
        for attempt in range(40):
            result = subprocess.run([self.binaries / "tributary", *arguments, "--json"], env=self.environment,
                                    capture_output=True, text=True)
            if result.returncode != 69:
                break
            time.sleep(0.25)
        if result.returncode not in (0, 1):
            raise RuntimeError(f"tributary {' '.join(arguments)}: {result.stderr}")
        return result.returncode, json.loads(result.stdout) if result.stdout.strip() else {"error": result.stderr}

    def query(self, sql):
        result = subprocess.run(["psql", "-XAtq", "-d", self.environment["TRIBUTARY_POSTGRES_URL"], "-c", sql],
                                env={**os.environ, "PGOPTIONS": "-c search_path=tributary"}, capture_output=True, text=True)
        if result.returncode != 0:
            raise RuntimeError(f"psql: {result.stderr}")
        return result.stdout.splitlines()

    def start_servers(self):
        self.folder.chmod(0o755)
        self.start("redis", ["redis-server", "--port", str(self.redis_port), "--bind", "127.0.0.1", "--dir",
                             str(self.redis_folder), "--save", "", "--appendonly", "yes", "--appendfsync", "always",
                             "--maxmemory-policy", "noeviction"])
        data = self.folder / "postgres"
        data.mkdir()
        run_as = []
        if os.getuid() == 0:
            shutil.chown(data, "postgres", "postgres")
            run_as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        binary = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        subprocess.run([*run_as, binary / "initdb", "-D", data / "d", "-U", "postgres", "-A", "trust"], check=True,
                       stdout=subprocess.DEVNULL, cwd="/")
        self.start("postgres", [*run_as, str(binary / "postgres"), "-D", str(data / "d"), "-p", str(self.postgres_port),
                                "-h", "127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=200"])
        self.endpoints = self.folder / "endpoints.json"
        self.endpoints.write_text("{}")
        self.journal = self.folder / "journal.jsonl"
        self.start("receiver", [sys.executable, str(ROOT / "ops/receiver/receiver.py"), "--port", str(self.receiver_port),
                                "--endpoints", str(self.endpoints), "--journal", str(self.journal), "--ready-file",
                                str(self.folder / "receiver.ready")])
        self.wait(lambda: (self.folder / "receiver.ready").exists(), "the receiver")
        self.wait(lambda: subprocess.run(["psql", "-XAtqc", "select 1", self.environment["TRIBUTARY_POSTGRES_URL"]],
                                         capture_output=True).returncode == 0, "PostgreSQL")

    @property
    def redis_folder(self):
        folder = self.folder / "redis"
        folder.mkdir(exist_ok=True)
        return folder

    def wait(self, condition, what, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise RuntimeError(f"{what} did not get ready within {seconds} s; logs in {self.folder}")
            time.sleep(0.05)

    def start_fleet(self):
        for number in (1, 2):
            for worker in WORKERS:
                self.start(f"{worker}-{number}", [str(self.binaries / f"tributary-{worker}-worker")])
            self.start(f"scheduler-{number}", [str(self.binaries / "tributary-scheduler")])
        self.start("ingest", [str(self.binaries / "tributary-ingest")])

    def restart_postgres(self):
        """A fast shutdown under load, and a start with the same data."""
        self.processes["postgres"].send_signal(signal.SIGINT)
        self.processes["postgres"].wait()
        self.start("postgres", self.commands["postgres"])

    def drop_follow_ups(self, seconds):
        """For a while the workers acknowledge without enqueuing what comes next: only owed rows remember it."""
        names = [name for name in self.processes if name.startswith(("conversion", "commission"))]
        quiet = dict(self.environment)
        self.environment.update(TRIBUTARY_TEST="1", TRIBUTARY_FAULTS="drop-follow-ups")
        for name in names:
            self.restart(name)
        self.environment = quiet
        time.sleep(seconds)
        for name in names:
            self.restart(name)

    def lose_redis(self):
        """All of Redis' data is gone; what PostgreSQL owes comes back by `rebuild`."""
        self.processes["redis"].kill()
        self.processes["redis"].wait()
        shutil.rmtree(self.folder / "redis")
        self.redis_folder
        self.start("redis", self.commands["redis"])
        self.inspect("directory", "rebuild")
        return self.inspect("rebuild")[1]

    def stop(self):
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()


class Sender:
    """Posts events in small batches until each was answered by a 202, and keeps the list of those that were."""

    def __init__(self, fleet, key, batches):
        self.fleet, self.key, self.batches = fleet, key, batches
        self.lock, self.next = threading.Lock(), 0
        self.accepted, self.refused, self.unanswered, self.tries = [], [], [], 0
        self.resting = threading.Event()
        self.resting.set()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(4)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while True:
            self.resting.wait()
            with self.lock:
                if self.next >= len(self.batches):
                    return
                batch = self.batches[self.next]
                self.next += 1
            self.send(batch)

    def send(self, batch):
        for _ in range(200):
            self.tries += 1
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.fleet.ingest_port, timeout=4)
                connection.request("POST", "/api/v1/events", json.dumps(batch), {
                    "Authorization": f"Bearer {self.key}", "Content-Type": "application/json"})
                answer = connection.getresponse()
                body = answer.read()
                connection.close()
            except (OSError, http.client.HTTPException):
                time.sleep(0.1)
                continue
            with self.lock:
                if answer.status == 202:
                    self.accepted += batch
                    return
                if answer.status < 500 and answer.status != 429:
                    self.refused.append((answer.status, body[:300]))
                    return
            time.sleep(0.1)
        with self.lock:
            self.unanswered += batch

    @property
    def is_done(self):
        return not any(thread.is_alive() for thread in self.threads)


def instant(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat(timespec="milliseconds")


def make_events(dice, count, start):
    """Orders of three partners: a third of them out of order, a tenth doubled, some refunded or cancelled."""
    events = []
    for number in range(count):
        order, at = f"o-{number}", start + number * 0.01
        amount = dice.choice([100000, 33333, 10000, 250000, 7001])
        facts = [
            {"type": "order.created", "orderAmount": amount, "currency": "KRW", "version": 1,
             "referralCode": dice.choice(["PARTNER001", "GOLD001", "SILVER01"]), "isNewCustomer": False},
            {"type": "order.confirmed"}]
        if dice.random() < 0.1:
            facts.append({"type": "order.updated", "orderAmount": amount + 1000, "currency": "KRW", "version": 2})
        if dice.random() < 0.1:
            for refund in range(dice.choice([1, 2])):
                facts.append({"type": "order.refunded", "refundId": f"r{refund}", "refundAmount": amount // 4})
        if dice.random() < 0.05:
            facts.append({"type": "order.cancelled", "reason": "Customer cancellation"})
        for index, fact in enumerate(facts):
            fact.update(id=f"{order}-{index}", orderId=order, occurredAt=instant(at + index))
        if dice.random() < 0.34:
            dice.shuffle(facts)
        events += facts
        if dice.random() < 0.1:
            events.append(dict(dice.choice(facts)))
    # Events of one order are spread over several requests, and some overtake others.
    return [event for _, event in sorted(enumerate(events), key=lambda pair: pair[0] + dice.random() * 12)]


def policies(year):
    rows = [("DEFAULT", 0, None, "5"), ("TIER-BRONZE", 10, "bronze", "5"), ("TIER-SILVER", 20, "silver", "7"),
            ("TIER-GOLD", 30, "gold", "10"), ("TIER-PLATINUM", 40, "platinum", "12")]
    made = [{"policyCode": f"{code}-{year}", "version": 1, "status": "ACTIVE", "priority": priority, "partnerTier": tier,
             "commissionType": "PERCENTAGE", "commissionRate": rate, "minCommission": 1000, "validFrom": f"{year}-01-01",
             "validUntil": f"{year}-12-31"} for code, priority, tier, rate in rows]
    return {"programme": {"timeZone": "Asia/Seoul", "windowDays": 30}, "products": {}, "policies": made,
            "partners": [{"referralCode": "PARTNER001", "tier": "bronze", "isActive": True},
                         {"referralCode": "GOLD001", "tier": "gold", "isActive": True},
                         {"referralCode": "SILVER01", "tier": "silver", "isActive": True}]}


class Run:
    def __init__(self, options):
        self.options = options
        self.seed = int(os.environ.get("TRIBUTARY_SEED") or time.time_ns() % 1_000_000)
        self.dice = random.Random(self.seed)
        self.passed, self.failed, self.kills = 0, 0, {}
        print(f"seed {self.seed}, {options.orders} orders, at least {options.kills} kills", flush=True)

    def check(self, what, good, detail=""):
        print(f"  {'ok  ' if good else 'FAIL'} {what}{': ' + str(detail) if detail != '' else ''}", flush=True)
        self.passed, self.failed = self.passed + bool(good), self.failed + (not good)

    def kill_one(self, fleet):
        """Ends or stops one process at random, after a random moment, and starts it again."""
        name = self.dice.choice(["ingest", "redis"] +
                                [f"{worker}-{number}" for worker in [*WORKERS, "scheduler"] for number in (1, 2)])
        time.sleep(self.dice.random() * 0.4)
        if name not in ("redis", "ingest") and self.dice.random() < 0.15:
            fleet.processes[name].send_signal(signal.SIGSTOP)
            time.sleep(LEASE_SECONDS + 1)
            fleet.processes[name].send_signal(signal.SIGCONT)
            kind = "stopped past the lease"
        else:
            fleet.restart(name)
            kind = "killed"
        key = f"{name.split('-')[0]} {kind}"
        self.kills[key] = self.kills.get(key, 0) + 1

    def owed(self, fleet):
        return [int(value) for value in fleet.query(
            "select (select count(*) from orders where priced_seq < facts_seq),"
            " (select count(*) from webhook_deliveries where status = 'owed'),"
            " (select count(*) from inbound_events)")[0].split("|")]

    def settle(self, fleet, events, seconds):
        """Waits until everything accepted is stored and nothing is owed."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            orders, deliveries, stored = self.owed(fleet)
            if orders == 0 and deliveries == 0 and stored >= events:
                return True
            time.sleep(0.5)
        return False

    def play(self, fleet):
        fleet.start_servers()
        fleet.inspect("migrate")
        fleet.inspect("seed", "--year", str(datetime.date.today().year))
        endpoints = {}
        for code, tier in (("PARTNER001", "bronze"), ("GOLD001", "gold"), ("SILVER01", "silver")):
            fleet.inspect("partner", "add", "--code", code, "--name", code, "--tier", tier)
            made = fleet.inspect("endpoint", "add", "--partner", code, "--events", "commission.*", "--url",
                                 f"http://127.0.0.1:{fleet.receiver_port}/{code}")[1]
            endpoints[f"/{code}"] = {"secrets": [made["secret"]]}
        fleet.endpoints.write_text(json.dumps(endpoints))
        key = fleet.inspect("key", "add", "--source", "shop", "--name", "shop")[1]["key"]
        fleet.start_fleet()

        events = make_events(self.dice, self.options.orders, time.time() - 3600)
        batches, index = [], 0
        while index < len(events):
            size = self.dice.randint(1, 12)
            # An event that comes twice comes in two requests: in one, the second would be refused by its index.
            batch, names = [], set()
            while index < len(events) and len(batch) < size and events[index]["id"] not in names:
                names.add(events[index]["id"])
                batch.append(events[index])
                index += 1
            batches.append(batch)
        begin = time.monotonic()
        half = len(batches) // 2
        sender = Sender(fleet, key, batches[:half])
        self.kill_while(fleet, sender, self.options.kills // 2)
        # The ingest rests, the first worker has stored what was accepted, and Redis loses everything.
        first = {event["id"] for event in sender.accepted}
        self.check("stored before Redis is lost", self.settle_stored(fleet, len(first)))
        print(f"  Redis lost its data; rebuild: {fleet.lose_redis()}", flush=True)
        second = Sender(fleet, key, batches[half:])
        fleet.restart_postgres()
        print("  PostgreSQL was restarted under load", flush=True)
        fleet.drop_follow_ups(10)
        print("  for 10 s no follow-up was enqueued", flush=True)
        self.kill_while(fleet, second, self.options.kills - self.options.kills // 2)
        accepted = sender.accepted + second.accepted
        sent = time.monotonic() - begin
        self.check("no event was refused", not (sender.refused + second.refused), (sender.refused + second.refused)[:3] or "")
        distinct = len({event["id"] for event in accepted})
        self.check("everything accepted is stored, nothing is owed", self.settle(fleet, distinct, 150), self.owed(fleet))
        spent = sum(queue["failedTotal"] for queue in fleet.inspect("queues")[1]["queues"])
        self.check("no attempt was spent since Redis lost its data", spent == 0, spent)
        self.confirm(fleet)
        print(f"  {distinct} events accepted in {sent:.0f} s, {sender.tries + second.tries} requests, "
              f"{len(sender.unanswered + second.unanswered)} without an answer", flush=True)
        self.judge(fleet, accepted, sender.unanswered + second.unanswered)

    def confirm(self, fleet):
        """The hold ends by the batch command's --now, while batch workers are killed; the run is for one date, so once."""
        later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=8)
        pending = int(fleet.query("select count(*) from partner_commissions where status = 'pending'")[0])
        reports = []
        # The command waits in the thread: a process that a thread starts would die with it (PR_SET_PDEATHSIG).
        command = threading.Thread(target=lambda: reports.append(fleet.inspect(
            "schedule", "run", "commission-confirmation", "--now", later.isoformat(timespec="milliseconds"), "--date",
            later.date().isoformat())[1]))
        command.start()
        time.sleep(0.5)
        for number in (1, 2):
            fleet.restart(f"batch-{number}")
        command.join()
        report = reports[0] if reports else {}
        self.check("2 AM confirmed what was past its hold", report.get("confirmed") == pending, f"{pending} pending, {report}")
        self.settle(fleet, 0, 60)

    def kill_while(self, fleet, sender, least):
        done = 0
        while done < least or not sender.is_done:
            self.kill_one(fleet)
            done += 1
            if done > 4 * least + 40:
                break
        for thread in sender.threads:
            thread.join(timeout=60)

    def settle_stored(self, fleet, events):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if self.owed(fleet)[2] >= events:
                return True
            time.sleep(0.2)
        return False

    def judge(self, fleet, accepted, unanswered):
        lines = [{"event": event, "may": False, "source": "shop"} for event in accepted]
        lines += [{"event": event, "may": True, "source": "shop"} for event in unanswered]
        (fleet.folder / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (fleet.folder / "policies.json").write_text(json.dumps(policies(datetime.date.today().year)))
        (fleet.folder / "actual.jsonl").write_text("\n".join(fleet.query(
            "select json_build_object('source', o.source, 'orderId', o.external_id, 'conversion', v.status, 'currency',"
            " v.currency, 'commissions', coalesce((select json_agg(json_build_object('partner', p.referral_code,"
            " 'amountMinor', c.commission_amount)) from partner_commissions c join partners p on p.id = c.partner_id"
            " where c.order_id = o.id), '[]')) from orders o left join conversion_events v on v.order_id = o.id")))
        oracle = subprocess.run(
            [sys.executable, str(ROOT / "ops/oracle/expected_money.py"), str(fleet.folder / "events.jsonl"), "--policies",
             str(fleet.folder / "policies.json"), "--actual", str(fleet.folder / "actual.jsonl")],
            capture_output=True, text=True)
        self.check("every order is as the oracle computes it", oracle.returncode == 0,
                   (oracle.stdout + oracle.stderr)[-1500:] if oracle.returncode else "")
        code, answer = fleet.inspect("ledger", "check")
        self.check("the ledger is in order", code == 0, "" if code == 0 else answer)
        twice = fleet.query("select count(*) from (select order_id, kind, count(*) from audit_logs a join partner_commissions c"
                            " on c.id = a.entity_id cross join lateral (select action as kind) k where action = 'created'"
                            " group by 1, 2 having count(*) > 1) t")[0]
        self.check("no commission was created twice", twice == "0", twice)
        received = [json.loads(line) for line in fleet.journal.read_text().splitlines()]
        ids = {one["id"] for one in received if one["verified"]}
        owed = set(fleet.query("select event_id from webhook_deliveries"))
        self.check("every owed webhook was received and verified", owed <= ids, f"{len(owed)} owed, {len(owed - ids)} missing")
        self.check("no webhook id has two bodies", len({(one["id"], one["sha256"]) for one in received}) ==
                   len({one["id"] for one in received}), f"{len(received)} received")
        dead = sum(queue["dead"] for queue in fleet.inspect("queues")[1]["queues"])
        self.check("no job is dead", dead == 0, dead)
        total = sum(self.kills.values())
        self.check(f"at least {self.options.kills} kills", total >= self.options.kills, total)
        for what, count in sorted(self.kills.items()):
            print(f"    {count:>4} × {what}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", required=True, help="the folder of the fleet's executables")
    parser.add_argument("--orders", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and data")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="tributary-fleet-")
    run, fleet = Run(options), Fleet(folder, options.binaries)
    try:
        run.play(fleet)
    except (RuntimeError, subprocess.CalledProcessError, OSError) as error:
        run.check("the run came to its end", False, error)
    finally:
        fleet.stop()
    if run.failed or options.keep:
        print(f"  logs and data: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    print(run.passed, run.failed)
    sys.exit(1 if run.failed else 0)


if __name__ == "__main__":
    main()
