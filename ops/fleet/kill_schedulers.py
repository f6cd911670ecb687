#!/usr/bin/env python3
"""Kills two real schedulers in turn, one of which has a clock that is five minutes fast, and then counts every slot.

Real Redis (appendfsync always), real PostgreSQL, and a schedule that is due each second and enqueues a job. Statements wait a
little at random, so that kills fall between them. Each scheduler is ended with kill -9 again and again, about when a slot is
due; now and then both at once, or while Redis stands still, or one is left alone for seconds. Once Redis is killed and once
PostgreSQL is restarted. The second scheduler runs under libfaketime: it is started with the right time, since a start with a
wrong one is refused (which is looked at first), and then its clock is set five minutes forwards.

Afterwards there is a row for each second from the first slot to the last and none beside, none has fired before its time,
each has exactly one job in the queue, and none is owed; both schedulers have fired.

The last line is "passed failed". The seed is printed and TRIBUTARY_SEED repeats the run's choices (not its timing).
"""
import argparse
import datetime
import json
import pathlib
import signal
import subprocess
import tempfile
import time

from checked_run import CheckedRun
from fleet import Fleet

FAST_SECONDS = 300
REFUSED = 78
SHARDS = 4
SCHEDULE = {"name": "tick", "every": "1s", "missed": "all", "missedMax": 1000,
            "job": {"queue": "batches", "kind": "tick.v1", "payload": {"of": "a test"}}}


def library():
    """Debian's libfaketime, or None."""
    return next(iter(sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)


def remove_leftovers(pid):
    """What libfaketime shares outlives a process that is killed, and would trip the next one of this number."""
    for leftover in (f"/dev/shm/faketime_shm_{pid}", f"/dev/shm/sem.faketime_sem_{pid}"):
        pathlib.Path(leftover).unlink(missing_ok=True)


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def slot_problems(rows):
    """What is wrong with (slot, when it fired) rows, which must be those of each second between the first and the last."""
    slots = [slot for slot, _ in rows]
    for earlier, later in zip(slots, slots[1:]):
        if later - earlier != datetime.timedelta(seconds=1):
            yield f"after {earlier} comes {later}"
    for slot, fired in rows:
        if fired < slot:
            yield f"{slot} fired at {fired}"


def job_problems(slots, jobs):
    """What is wrong with the ids of jobs, of which each slot must have one."""
    wanted = {f"tick.{slot.strftime('%Y-%m-%dT%H:%M:%SZ')}" for slot in slots}
    yield from (f"{job} is there {jobs.count(job)} times" for job in sorted(set(jobs)) if jobs.count(job) > 1)
    yield from (f"{job} is missing" for job in sorted(wanted - set(jobs)))
    yield from (f"{job} is of no slot" for job in sorted(set(jobs) - wanted))


class Scheduler:
    """A scheduler of a fleet that can be killed and started again. With a clock file its clock is faked."""

    def __init__(self, fleet, name, clock=None):
        self.fleet, self.name, self.clock, self.kills = fleet, name, clock, 0
        self.log = fleet.folder / f"{name}.log"

    def start(self):
        """Returns when it has started."""
        known = self.log.stat().st_size if self.log.exists() else 0
        self.set_clock(0)
        self.fleet.start(self.name, [*self.prefix(), str(self.fleet.binaries / "tributary-scheduler")])
        self.fleet.wait(lambda: '"message":"started"' in self.text(known), self.name)
        self.set_clock(FAST_SECONDS)

    def prefix(self):
        if not self.clock:
            return []
        return ["env", f"LD_PRELOAD={library()}", f"FAKETIME_TIMESTAMP_FILE={self.clock}", "FAKETIME_NO_CACHE=1",
                "FAKETIME_DONT_FAKE_MONOTONIC=1"]

    def set_clock(self, seconds):
        if self.clock:
            # In one step: the process may read at any moment.
            draft = self.clock.with_suffix(".new")
            draft.write_text(f"+{seconds}\n")
            draft.rename(self.clock)

    def kill(self):
        process = self.fleet.processes[self.name]
        process.kill()
        process.wait()
        self.kills += 1
        remove_leftovers(process.pid)

    def text(self, start=0):
        if not self.log.exists():
            return ""
        with open(self.log, "rb") as file:
            file.seek(start)
            return file.read().decode(errors="replace")

    def fired(self):
        """(when by its own clock, slot) of each slot that it fired."""
        lines = [json.loads(line) for line in self.text().splitlines() if '"message":"slot fired"' in line]
        return [(instant(line["time"]), instant(line["schedule.slot"])) for line in lines]


class Run(CheckedRun):
    def __init__(self, options):
        super().__init__(options, f"{options.kills} kills")

    def play(self, fleet):
        fleet.start_servers()
        fleet.inspect("migrate")
        schedules = fleet.folder / "schedules"
        schedules.mkdir()
        (schedules / "tick.json").write_text(json.dumps(SCHEDULE))
        fleet.environment["TRIBUTARY_SCHEDULES"] = str(schedules)
        self.refused(fleet, schedules)
        right, fast = Scheduler(fleet, "scheduler-1"), Scheduler(fleet, "scheduler-2", fleet.folder / "clock")
        right.start()
        fast.start()
        self.kill_in_turn(fleet, right, fast)
        self.say(f"{right.kills} and {fast.kills} kills")
        self.count(fleet, right, fast)

    def refused(self, fleet, schedules):
        """Starts with a file that cannot be used, and with a clock that is five minutes fast."""
        wrong = schedules / "wrong.json"
        wrong.write_text(json.dumps({**SCHEDULE, "every": "1w", "job": {"queue": "mail", "kind": "a.v1"}}))
        scheduler = Scheduler(fleet, "wrong")
        fleet.start("wrong", [str(fleet.binaries / "tributary-scheduler")])
        code = fleet.processes.pop("wrong").wait(30)
        wrong.unlink()
        said = [problem for problem in ("wrong.json: every: '1w' is no interval",
                                        "wrong.json: job.queue: one of clicks") if problem in scheduler.text()]
        self.check("a file that cannot be used is refused, with all its problems", code == REFUSED and len(said) == 2,
                   f"exit code {code}, {said}")
        scheduler = Scheduler(fleet, "refused", fleet.folder / "refused-clock")
        scheduler.set_clock(FAST_SECONDS)
        fleet.start("refused", [*scheduler.prefix(), str(fleet.binaries / "tributary-scheduler")])
        process = fleet.processes.pop("refused")
        code = process.wait(30)
        remove_leftovers(process.pid)
        self.check("a start with a clock that is five minutes fast is refused",
                   code == REFUSED and "ms apart; synchronise them" in scheduler.text(), f"exit code {code}")

    def kill_in_turn(self, fleet, right, fast):
        for number in range(self.options.kills):
            # When a slot is due there is work to interrupt.
            time.sleep(1 - time.time() % 1 + self.dice.uniform(0, 0.1))
            one, other = (right, fast) if number % 2 == 0 else (fast, right)
            if number % 6 == 1:
                # Slots fire, and nobody can enqueue their jobs.
                fleet.freeze("redis")
                time.sleep(self.dice.uniform(1, 2))
                other.kill()
            one.kill()
            if number % 6 == 1:
                fleet.signal("redis", signal.SIGCONT)
                other.start()
            if number % 6 == 3:
                # Nobody is there for a while.
                other.kill()
                time.sleep(self.dice.uniform(1, 2.5))
                other.start()
            elif number % 6 == 5:
                # The other one is alone.
                time.sleep(self.dice.uniform(1, 2.5))
            one.start()
            if number == self.options.kills // 3:
                fleet.restart("redis")
                self.say("Redis was killed")
            if number == 2 * self.options.kills // 3:
                fleet.restart_postgres()
                self.say("PostgreSQL was restarted")

    def count(self, fleet, right, fast):
        fleet.inspect("schedule", "pause", "tick")
        fleet.wait(lambda: fleet.query("select count(*) from schedule_runs where owed_job is not null") == ["0"],
                   "the last job", seconds=90)
        self.check("nothing is owed", True)
        # The first row is where the schedule was first seen.
        rows = [tuple(map(instant, row.split("|"))) for row in fleet.query(
            "select to_char(slot at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),"
            " to_char(fired_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
            " from schedule_runs where schedule = 'tick' order by slot")][1:]
        self.check_none(f"{len(rows)} slots: one each second, none before its time", slot_problems(rows))
        keys = [f"tributary:{{{shard}}}:batches" for shard in range(SHARDS)]
        ready = [job for key in keys for job in fleet.redis("LRANGE", f"{key}:ready", "0", "-1") if job]
        stored = [job for key in keys for job in fleet.redis("HKEYS", f"{key}:jobs") if job]
        self.check_none("each slot has one job", job_problems([slot for slot, _ in rows], ready))
        self.check("and no other job is there", sorted(stored) == sorted(ready), f"{len(stored)}, {len(ready)} of them ready")
        ahead = [(own - slot).total_seconds() for own, slot in fast.fired()]
        self.check("the scheduler with the fast clock has fired, and its clock was fast",
                   sum(value > FAST_SECONDS - 1 for value in ahead) >= 3, f"{len(ahead)} slots")
        self.check("the other one has fired", len(right.fired()) >= 3, f"{len(right.fired())} slots")
        self.check("no slot was fired by two", len(right.fired()) + len(fast.fired()) <= len(rows),
                   f"{len(right.fired()) + len(fast.fired())} lines of {len(rows)} rows")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", required=True, help="the folder of the fleet's executables")
    parser.add_argument("--kills", type=int, default=24, help="how often a scheduler is killed in its turn; default 24")
    parser.add_argument("--delay-ms", default="1-10", help="bounds of the wait before each statement; default 1-10")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and data")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="tributary-schedulers-")
    run, fleet = Run(options), Fleet(folder, options.binaries, options.delay_ms)
    fleet.environment["TRIBUTARY_SHARDS"] = str(SHARDS)
    try:
        if library():
            run.play(fleet)
        else:
            run.check("libfaketime is installed (see ops/setup)", False)
    except (RuntimeError, subprocess.SubprocessError, OSError) as error:
        run.check("the run came to its end", False, error)
    finally:
        fleet.stop()
        for process in fleet.processes.values():
            remove_leftovers(process.pid)
    run.say("over")
    run.end(folder)


if __name__ == "__main__":
    main()
