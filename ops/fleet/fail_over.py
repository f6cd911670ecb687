#!/usr/bin/env python3
"""Runs the whole fleet on a Redis Cluster of six nodes, and on a master with a replica and three sentinels, kills masters
while orders flow, and then counts everything.

Real nodes (appendfsync always), real PostgreSQL, two of each worker and of the scheduler, and an ingest whose enqueues wait
for the replica (WAIT). What each topology goes through:

  1. orders flow; of the Cluster, shards lie on several masters;
  2. the replica of one master is cut off (Cluster only) and its master killed with kill -9 under load, while the conversion
     workers stand still, so that what was acknowledged is in Redis alone; the replica is promoted;
  3. the promoted master has no replica: many requests at once are each answered within seconds, by 202 or by a 503 that
     says why; the ingest says so once in its log; it takes them again when the killed node is back as a replica;
  4. the replica of a master dies: the same;
  5. the inspector's commands tell the truth;
  6. each master has written its append-only file anew, as the sweep asks each run of Redis to;
  7. the idle workers' commands are counted, and none writes.

Afterwards every event whose 202 was read has exactly its effect, as after ops/fleet/kill_fleet.py.

The last line is "passed failed". The seed is printed and TRIBUTARY_SEED repeats the run's choices (not its timing).

examples:
  ops/fleet/fail_over.py --binaries .build/debug
  ops/fleet/fail_over.py --binaries .build/debug --only sentinel --orders 2000 --keep
  ops/fleet/fail_over.py --binaries .build/debug --only cluster --without-wait     # loses events, and must notice
  ops/fleet/fail_over.py --binaries .build/debug --only cluster --lease-ms 15000 --idle 60     # the figures of docs/queue.md
"""
import argparse
import collections
import pathlib
import random
import subprocess
import tempfile
import time

from fleet import WORKERS
from inspected import check_inspector
from order_run import OrderRun
from orders import Orders, in_batches
from private_servers import free_ports
from prober import TOGETHER, Prober
from replicated_redis import SHARDS, WAIT_MS, ClusterFleet, SentinelFleet
from sender import Sender

TOPOLOGIES = {"cluster": ClusterFleet, "sentinel": SentinelFleet}
CONVERSION_WORKERS = ("conversion-1", "conversion-2")
# Two waits for replicas, one's own and the one before it on its connection, and what a busy machine takes for the rest.
ANSWER_SECONDS_MAX = 2 * WAIT_MS / 1000 + 1.5
TROUBLE, RELIEF = "the queue's store does not take what is sent", "the queue's store takes what is sent again"
NOT_REPLICATED, UNAVAILABLE = "store_not_replicated", "store_unavailable"


class Run(OrderRun):
    def __init__(self, options):
        super().__init__(options, f"{options.orders} orders")

    def play(self, fleet):
        self.say(f"== {fleet.name}")
        if self.options.without_wait:
            fleet.environment["TRIBUTARY_WAIT_REPLICAS"] = "0"
        fleet.environment["TRIBUTARY_LEASE_MS"] = str(self.options.lease_ms)
        key = self.prepare(fleet)
        orders = Orders(self.dice, self.options.orders, time.time() - 3600)
        some = len(orders.events) * 3 // 4
        sender = Sender(fleet.ingest_port, key, in_batches(self.dice, orders.events[:some]), random.Random(self.seed + 1))
        # An event that comes twice comes by one of them only.
        sent = {event["id"] for event in orders.events[:some]}
        self.prober = Prober(fleet, key, list({event["id"]: event for event in orders.events[some:]
                                               if event["id"] not in sent}.values()))
        sender.release(0.2)
        fleet.wait(lambda: sender.next >= sender.released and not sender.in_flight, "the first orders")
        self.say("orders flow")
        self.spread(fleet)
        self.fail_over(fleet, sender)
        self.replica_lost(fleet)
        accepted = len(sender.accepted)
        sender.release(1)
        sender.finish()
        self.check("orders flow after all of it", len(sender.accepted) > accepted, len(sender.accepted) - accepted)
        senders = [sender, self.prober.sender]
        settled = self.settle(fleet, senders, 60)
        self.check("everything accepted is stored, nothing is owed", settled, self.owed(fleet))
        self.say("all is settled")
        check_inspector(self, fleet, self.prober)
        self.say("the inspector was asked")
        # What was neither sent nor probed was not sent at all.
        self.judge(fleet, orders, senders)
        self.files_renewed(fleet)
        self.say("judged")
        self.idle(fleet)
        for sender in senders:
            self.say(f"{len(sender.accepted)} accepted, {len(sender.unanswered)} without an answer that counts")

    # --- the steps

    def spread(self, fleet):
        owners = collections.Counter(fleet.owner(shard) for shard in range(SHARDS))
        sizes = {master: fleet.tell(master, "DBSIZE") for master in owners}
        expected = 2 if isinstance(fleet, ClusterFleet) else 1
        self.check("shards lie on so many masters, and each holds keys",
                   len(owners) >= expected and None not in owners and "0" not in sizes.values(),
                   {master: f"{count} shards, {sizes[master]} keys" for master, count in owners.items()})

    def fail_over(self, fleet, sender):
        master = fleet.owner(0)
        replica = fleet.replica_of(master)
        for name in CONVERSION_WORKERS:
            fleet.freeze(name)
        known = len(sender.accepted)
        sender.release(0.8)
        fleet.wait(lambda: len(sender.accepted) > known + 50 and sender.in_flight, "load")
        is_cluster = isinstance(fleet, ClusterFleet)
        self.say(f"{len(sender.accepted) - known} events acknowledged under load")
        if is_cluster:
            fleet.cut_off(replica, master)
            tries = sender.tries
            fleet.wait(lambda: sender.tries > tries + 10, "requests without the replica")
        under_load = sender.in_flight
        fleet.kill(master)
        begin = time.monotonic()
        fleet.let_go_on(*CONVERSION_WORKERS, *([replica] if is_cluster else []))
        fleet.wait(lambda: fleet.owner(0) == replica, "the promotion", seconds=30)
        took = time.monotonic() - begin
        self.check(f"{master} was killed under load, and {replica} is promoted", under_load > 0 and took < 20, f"{took:.1f} s")
        self.short_of_replicas(fleet, f"the promoted master has no replica: {fleet.owner(0)}", expects_some=is_cluster)
        fleet.revive(master)
        begin = time.monotonic()
        fleet.wait(lambda: fleet.replica_of(replica) == master, "the killed node as a replica", seconds=60)
        fleet.wait_for_replicas()
        self.say(f"{master} is back as a replica after {time.monotonic() - begin:.1f} s")
        self.taken_again(fleet, "the killed node is back as a replica")

    def replica_lost(self, fleet):
        master = fleet.owner(SHARDS - 1)
        replica = fleet.replica_of(master)
        fleet.kill(replica)
        # Redis counts a replica out when it sees its connection end, or by the second.
        fleet.wait(lambda: fleet.info(master, "replication").get("connected_slaves") == "0", "the replica's end")
        self.short_of_replicas(fleet, f"the replica of {master} is dead", expects_some=isinstance(fleet, ClusterFleet))
        self.put_off_start(fleet)
        fleet.revive(replica)
        fleet.wait(lambda: fleet.replica_of(master) == replica, "the replica", seconds=60)
        fleet.wait_for_replicas()
        self.taken_again(fleet, "the replica is back")

    def put_off_start(self, fleet):
        """Who starts now is to be started again: a failover may have taken the replica away."""
        # A demonstration would only be warned.
        environment = {**fleet.environment, "TRIBUTARY_DEMO": "0", "TRIBUTARY_INGEST_PORT": str(free_ports(1)[0])}
        started = subprocess.run(fleet.commands["ingest"], env=environment, capture_output=True, text=True, timeout=60,
                                 check=False)
        said = started.stdout + started.stderr
        self.check("a start without the replica ends with 75 and says why",
                   started.returncode == 75 and "replicas" in said, f"{started.returncode}: {said[-300:]}")

    def short_of_replicas(self, fleet, when, expects_some):
        """What callers see; of a Cluster, those whose shards have a replica see nothing of it."""
        said = self.said(fleet, TROUBLE)
        answers = []
        # At first the ingest may not know the promoted one.
        begin = time.monotonic()
        while time.monotonic() < begin + 10 and not any(code == NOT_REPLICATED for _, _, code in answers):
            answers += self.prober.probe(8)
            time.sleep(0.2)
        known = time.monotonic() - begin
        answers += self.prober.probe()
        seen = collections.Counter(f"{status} {code or ''}".strip() for status, _, code in answers)
        slowest = max(seconds for _, seconds, _ in answers)
        refused = sum(status == 503 and code in (NOT_REPLICATED, UNAVAILABLE) for status, _, code in answers)
        taken = sum(status == 202 for status, _, _ in answers)
        self.check(f"{when}: 503 with a reason" + (" for its shards, 202 for the others" if expects_some else ""),
                   any(code == NOT_REPLICATED for _, _, code in answers) and refused + taken == len(answers) and (taken > 0) == expects_some, dict(seen))
        self.check(f"{when}: each of {TOGETHER} at once is answered within {ANSWER_SECONDS_MAX} s",
                   slowest < ANSWER_SECONDS_MAX, f"{slowest:.1f} s at most, after {known:.1f} s")
        now = self.said(fleet, TROUBLE)
        self.check("the ingest said so once", now <= 1 + self.said(fleet, RELIEF) and now >= min(1, said + 1),
                   f"{now} lines, {self.said(fleet, RELIEF)} of relief")

    def taken_again(self, fleet, when):
        begin = time.monotonic()
        while time.monotonic() < begin + 20:
            statuses = {status for status, _, _ in self.prober.probe(16)}
            if statuses == {202}:
                break
        self.check(f"{when}: 202 again", statuses == {202}, f"after {time.monotonic() - begin:.1f} s, {statuses}")

    @staticmethod
    def said(fleet, message):
        return (fleet.folder / "ingest.log").read_text(errors="replace").count(f'"message":"{message}"')

    def files_renewed(self, fleet):
        """By its own count, since Redis started; a replica writes it anew when it has taken its master's data."""
        def counts():
            return {name: fleet.info(name, "persistence").get("aof_rewrites") for name in fleet.masters()}
        try:
            fleet.wait(lambda: "0" not in counts().values(), "the append-only files", seconds=15)
        except RuntimeError:
            pass
        self.check("each master has written its append-only file anew", "0" not in counts().values(), counts())

    def idle(self, fleet):
        fleet.kill("scheduler-1", "scheduler-2", "ingest")
        self.settle(fleet, [], 30)
        masters = fleet.masters()

        def changes():
            return [int(fleet.info(name, "persistence")["rdb_changes_since_last_save"]) for name in masters]
        # What the last work still owed to time (a settled feed, an expiring lease) is done within two leases.
        time.sleep(2 * self.options.lease_ms / 1000)
        for name in masters:
            fleet.tell(name, "CONFIG", "RESETSTAT")
        before = changes()
        time.sleep(self.options.idle)
        stats = {name: fleet.info(name, "commandstats") for name in masters}
        written = [now - then for now, then in zip(changes(), before)]
        workers = 2 * len(WORKERS)
        for name, rows in stats.items():
            calls = {command.removeprefix("cmdstat_"): int(row.split("calls=")[1].split(",")[0])
                     for command, row in rows.items() if command.startswith("cmdstat_")}
            # Those that a look's script calls are its own.
            sent = {command: calls.get(command, 0) for command in ("evalsha", "eval", "blpop", "ping", "cluster|slots", "info")}
            minute = {command: round(count * 60 / self.options.idle) for command, count in sent.items() if count}
            print(f"    {name}: {sum(minute.values())} commands a minute of {workers} idle workers: {minute}")
        self.check(f"{workers} idle workers write nothing", not any(written), written)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", required=True, help="the folder of the fleet's executables")
    parser.add_argument("--only", choices=TOPOLOGIES, help="one of the two; default both")
    parser.add_argument("--orders", type=int, default=1000, help="default 1000")
    parser.add_argument("--lease-ms", type=int, default=3000, help="default 3000")
    parser.add_argument("--idle", type=float, default=4, metavar="SECONDS", help="how long idle workers are watched; default 4")
    parser.add_argument("--without-wait", action="store_true",
                        help="let no enqueue wait for replicas, to see that the run notices")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and data")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tributary-failover-"))
    # PostgreSQL's own user must be able to go in.
    folder.chmod(0o755)
    run = Run(options)
    for name in [options.only] if options.only else TOPOLOGIES:
        fleet = None
        try:
            (folder / name).mkdir()
            fleet = TOPOLOGIES[name](folder / name, options.binaries)
            run.play(fleet)
        except (RuntimeError, subprocess.SubprocessError, OSError) as error:
            run.check("the run came to its end", False, error)
        finally:
            if fleet:
                fleet.stop()
    run.say("over")
    run.end(folder)


if __name__ == "__main__":
    main()
