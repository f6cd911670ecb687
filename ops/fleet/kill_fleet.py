#!/usr/bin/env python3
"""Kills the running fleet while orders flow, and then counts everything.

Real Redis (appendfsync always), real PostgreSQL, two of each worker and of the scheduler, an ingest and a receiver, all on 4
shards. Statements and acknowledgements wait a little at random, so that batches overlap on the same orders. Clicks come all
the while. Processes are ended with kill -9, most of them at a chosen moment (leased, in a transaction, between commit and
acknowledge, sending), or stopped with SIGSTOP past their lease. An operator adjusts and cancels commissions meanwhile. Once
Redis loses all its data while work is in flight and `tributary rebuild` follows, once PostgreSQL is restarted, once all
follow-up enqueues are dropped for 10 s, and the 2 AM batch runs while its workers are killed.

Afterwards every event whose 202 was read must have exactly its effect, and every event without an answer either that or
none: the money is computed from that list alone by ops/oracle, which shares no code with the fleet; the ledger adds up; every
owed webhook was received with the bytes it was written with; every acknowledged click is stored once; no attempt is spent
and no job dead.

The last line is "passed failed". The seed is printed and TRIBUTARY_SEED repeats the run's choices (not its timing).
"""
import argparse
import datetime
import random
import signal
import subprocess
import tempfile
import threading
import time

import judge
import kills
import overlap
from acts import Operator
from clicks import Clicker
from fleet import Fleet
from order_run import LOOK_SECONDS, OrderRun
from orders import PARTNERS, Orders, in_batches
from recorder import IN_TRANSACTION
from sender import Sender

SHARDS = 4


class Run(OrderRun):
    def __init__(self, options):
        super().__init__(options, f"{options.orders} orders, at least {options.kills} kills")

    # --- the play

    def play(self, fleet):
        key = self.prepare(fleet, overlap.POSTGRES_SETTINGS)
        orders = Orders(self.dice, self.options.orders, time.time() - 3600)
        self.say(str(orders))
        batches = in_batches(self.dice, orders.events)
        half = len(batches) // 2
        plan = kills.make_plan(self.dice, self.options.kills)
        killer = kills.Killer(fleet, self.dice)
        self.operator = Operator(fleet, random.Random(self.seed + 1), orders.to_adjust, orders.to_cancel)
        senders = [Sender(fleet.ingest_port, key, part, random.Random(self.seed + 2 + number))
                   for number, part in enumerate((batches[:half], batches[half:]))]

        clickers = [Clicker(fleet.ingest_port, PARTNERS, random.Random(self.seed + 4), "before")]
        killer.carry_out(plan[:len(plan) // 2], senders[0].between(0, 0.95))
        self.lose_redis(fleet, senders[0], clickers[0])
        clickers.append(Clicker(fleet.ingest_port, PARTNERS, random.Random(self.seed + 5), "after"))
        senders[1].release(0.1)
        fleet.restart_postgres()
        self.say("PostgreSQL was restarted under load")
        senders[1].release(0.2)
        fleet.drop_follow_ups(10)
        self.say("for 10 s no follow-up was enqueued")
        killer.carry_out(plan[len(plan) // 2:], senders[1].between(0.2, 1))
        senders[1].finish()
        clickers[1].finish()
        self.say("all is sent")
        self.settle(fleet, senders, 120)
        self.operator.finish()
        self.check("everything accepted is stored, nothing is owed", self.settle(fleet, senders, 60), self.owed(fleet))
        self.confirm(fleet, killer)
        self.say("2 AM is over")
        self.report(fleet, killer, senders, clickers)
        self.judge(fleet, orders, senders, self.operator.acts)
        self.judge_clicks(fleet, clickers)

    def is_stored(self, fleet, sender, clicker):
        """Whether all that was accepted is in tables, so that Redis is needed for none of it any more."""
        clicks = set(fleet.query("select id from referral_clicks"))
        return sender.certain_ids <= self.stored_ids(fleet) and clicker.accepted.keys() <= clicks

    def lose_redis(self, fleet, sender, clicker):
        """Redis' data is deleted while the ingest rests and work is in flight: who prices, sends and sweeps stands still, in
        the middle of it, until everything accepted is stored."""
        names = [f"{worker}-{number}" for worker in ("commission", "webhook", "batch") for number in (1, 2)]
        for name in names:
            fleet.freeze(name)
        sender.release(1)
        sender.finish()
        clicker.finish()
        end = time.monotonic() + 60
        while time.monotonic() < end and not self.is_stored(fleet, sender, clicker):
            time.sleep(LOOK_SECONDS)
        self.check("stored before Redis is lost", self.is_stored(fleet, sender, clicker))
        self.check_none("no attempt was spent before Redis lost its data", (
            problem for problem in judge.queues_at_rest(fleet.inspect("queues")[1]["queues"]) if "spent" in problem))
        fleet.delete_redis()
        fleet.inspect("directory", "rebuild")
        # The operator acts on: an act of this moment owes a delivery that is in its queue before `rebuild` looks.
        with self.operator.at_rest():
            owed = self.owed(fleet)
            answer = fleet.inspect("rebuild")[1]
        self.check_none(f"rebuild enqueued all that was owed: {owed}", judge.rebuilt(owed, answer))
        for name in names:
            fleet.signal(name, signal.SIGCONT)

    def confirm(self, fleet, killer):
        """The hold ends by the batch command's --now, while batch workers are killed; the run is for one date, so once."""
        later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=8)
        pending = int(fleet.query("select count(*) from partner_commissions where status = 'pending'")[0])
        reports = []
        command = threading.Thread(target=lambda: reports.append(fleet.inspect(
            "schedule", "run", "commission-confirmation", "--now", later.isoformat(timespec="milliseconds"), "--date",
            later.date().isoformat())[1]))
        command.start()
        # One after the other: who is killed with the run in its hands leaves it to the other one.
        for _ in range(2):
            holder = self.holder_of_batch(fleet, killer)
            strike = kills.Strike(holder, kills.KILL, IN_TRANSACTION)
            killer.at_a_moment(strike)
            killer.done.append(strike)
            self.say(f"2 AM: {strike}")
        command.join()
        report = reports[0] if reports else {}
        self.check("2 AM confirmed what was past its hold", report.get("confirmed") == pending, f"{pending} pending, {report}")
        self.settle(fleet, [], 60)

    @staticmethod
    def holder_of_batch(fleet, killer):
        end = time.monotonic() + 2 * kills.LEASE_SECONDS + 4
        while time.monotonic() < end:
            for name in ("batch-1", "batch-2"):
                moment = killer.recorders[name].moment(fleet.processes[name].pid)
                if moment and moment.leased and moment.transactions:
                    return name
            time.sleep(kills.POLL_SECONDS)
        return "batch-1"

    # --- what became of it

    def report(self, fleet, killer, senders, clickers):
        print("  kills and stops:")
        for line in kills.report(killer.done):
            print(f"    {line}")
        self.check_none(f"at least {self.options.kills} kills, of everybody, {kills.STAGE_MIN} at each stage",
                        kills.shortcomings(killer.done, self.options.kills))
        self.check_none("nobody paid for a Redis that stood still", killer.charged)
        lines, waits = overlap.report(fleet)
        for line in lines:
            print(f"    {line}")
        self.check("batches overlapped on the same orders", waits > 0, waits)
        accepted, unanswered = (sum(len(part) for part in parts) for parts in (
            (sender.accepted for sender in senders), (sender.unanswered for sender in senders)))
        print(f"    {accepted} events accepted, {unanswered} without an answer, "
              f"{sum(sender.tries for sender in senders)} requests; {self.operator}; {' and '.join(map(str, clickers))}")
        self.check("some events are without an answer", unanswered > 0, unanswered)

    def judge_clicks(self, fleet, clickers):
        self.check_none("no click was refused or taken for a repeated one",
                        (bad for clicker in clickers for bad in clicker.refused))
        accepted = {click: session for clicker in clickers for click, session in clicker.accepted.items()}
        unanswered = set().union(*(clicker.unanswered for clicker in clickers))
        stored = [row.split("|") for row in fleet.query("select id, session_id, status from referral_clicks")]
        self.check_none(f"{len(accepted)} clicks: each stored once ({len(stored)} are)",
                        judge.clicks(accepted, unanswered, stored))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", required=True, help="the folder of the fleet's executables")
    parser.add_argument("--orders", type=int, default=5000, help="default 5000")
    parser.add_argument("--kills", type=int, default=100, help="kills with -9 at least; default 100")
    parser.add_argument("--delay-ms", default="1-10",
                        help="bounds of the wait before each statement and acknowledgement; default 1-10")
    parser.add_argument("--faults", metavar="NAMES",
                        help="break a promise in all processes (TRIBUTARY_FAULTS), to see that the test notices")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and data")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="tributary-fleet-")
    run, fleet = Run(options), Fleet(folder, options.binaries, options.delay_ms)
    fleet.environment["TRIBUTARY_SHARDS"] = str(SHARDS)
    # So that clicks come from many addresses, of which each has a limit.
    fleet.environment["TRIBUTARY_TRUSTED_PROXIES"] = "127.0.0.1/32"
    if options.faults:
        fleet.test_settings["TRIBUTARY_FAULTS"] = options.faults
    try:
        run.play(fleet)
    except (RuntimeError, subprocess.CalledProcessError, OSError) as error:
        run.check("the run came to its end", False, error)
    finally:
        fleet.stop()
    run.say("over")
    run.end(folder)


if __name__ == "__main__":
    main()
