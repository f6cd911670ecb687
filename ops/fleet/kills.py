"""Kills and stops the processes of a fleet, most of them at a chosen moment, and keeps what each was in the middle of."""

import signal
import time
from collections import Counter, deque

from charges import charged_jobs
from fleet import LEASE_SECONDS, WORKERS
from judge import counted_against_jobs
from recorder import IN_TRANSACTION, LEASED, SENDING, STAGES, UNACKNOWLEDGED, Moment, Recorder

KILL, STOP = "kill -9", "stopped past its lease"
# How long a kill waits for its moment; then it takes what it gets.
PATIENCE_SECONDS = 4
POLL_SECONDS = 0.0003
# A stop lasts a lease and this.
BEYOND_LEASE_SECONDS = 1
PAIRS = [f"{name}-{number}" for name in [*WORKERS, "scheduler"] for number in (1, 2)]
STAGE_MIN = 5
# More than that, since some find their moment gone.
STAGE_AIMED = 7
WORKERS_OF_STAGE = {LEASED: ("click", "conversion", "commission", "webhook"),
                    IN_TRANSACTION: ("click", "conversion", "commission"),
                    UNACKNOWLEDGED: ("click", "conversion", "commission", "webhook"), SENDING: ("webhook",)}


class Strike:
    """What is to be done to a process, and once it is done, what it met."""

    def __init__(self, name, action=KILL, wanted=None):
        self.name, self.action, self.wanted = name, action, wanted
        self.moment, self.beside = Moment(), ""

    @property
    def kind(self):
        return self.name.split("-")[0]

    def __str__(self):
        return f"{self.name} {self.action}: {self.beside or self.moment}"


def make_plan(dice, kills):
    """At least `kills` kills with -9, and the stops: each process and each stage has its share, the rest is chance."""
    plan = [Strike("ingest") for _ in range(6)] + [Strike("redis") for _ in range(3)] + [Strike(name) for name in PAIRS]
    for stage in STAGES:
        for _ in range(STAGE_AIMED):
            worker = dice.choice(WORKERS_OF_STAGE[stage])
            plan.append(Strike(f"{worker}-{dice.choice((1, 2))}", KILL, stage))
    while len(plan) < kills:
        plan.append(Strike(dice.choice(["ingest", "redis", *PAIRS])))
    for name in [*WORKERS, "scheduler"]:
        stages = [stage for stage in STAGES if name in WORKERS_OF_STAGE[stage]]
        plan.append(Strike(f"{name}-{dice.choice((1, 2))}", STOP, dice.choice(stages) if stages else None))
    plan += [Strike("ingest", STOP), Strike("redis", STOP)]
    dice.shuffle(plan)
    return plan


class Killer:
    """Carries strikes out. A stopped process stands still while the next strikes fall, and goes on when its time is over."""

    def __init__(self, fleet, dice):
        self.fleet, self.dice = fleet, dice
        self.done, self.charged = [], []
        self.recorders = {name: Recorder(fleet.recorder_path(name)) for name in ["ingest", *PAIRS]}
        self.standing = deque()

    def carry_out(self, plan, sender):
        """Strike by strike, and with each of them the sender gets its share of the events to send."""
        for index, strike in enumerate(plan):
            self.supervise()
            share = (index + 1) / len(plan)
            if strike.name == "redis" and strike.action == STOP:
                self.stop_redis(strike, sender, share)
            else:
                self.strike(strike, sender, share)
            self.done.append(strike)
            print(f"  {len(self.done):>3}. {strike}", flush=True)
        self.wake_up(everybody=True)

    def supervise(self):
        for name in self.fleet.supervise():
            print(f"       {name} lost its store at its start and was started again", flush=True)

    def strike(self, strike, sender, share):
        self.wake_up(everybody=strike.name in {name for name, _ in self.standing})
        time.sleep(self.dice.random() * 0.3)
        sender.release(share)
        if strike.name == "ingest":
            self.wait_for(lambda: sender.in_flight > 0)
            self.at_random(strike, lambda: f"{sender.in_flight} requests unanswered")
        elif strike.name == "redis":
            self.at_random(strike, lambda: f"{self.leased_jobs()} jobs leased by the workers")
        else:
            self.at_a_moment(strike)

    def stop_redis(self, strike, sender, share):
        """Nobody is to pay for a Redis that stands still. So that no death of a worker is mistaken for that, all of them
        are left alone for a lease before and a while after."""
        self.wake_up(everybody=True)
        time.sleep(LEASE_SECONDS + BEYOND_LEASE_SECONDS)
        before = charged_jobs(self.fleet)
        sender.release(share)
        self.wait_for(lambda: self.leased_jobs() > 0)
        self.at_random(strike, lambda: f"{self.leased_jobs()} jobs leased by the workers")
        self.wake_up(everybody=True)
        end = time.monotonic() + LEASE_SECONDS
        while time.monotonic() < end:
            after = charged_jobs(self.fleet)
            self.charged += counted_against_jobs(before, after)
            before = {**before, **after}
            time.sleep(0.05)

    @staticmethod
    def wait_for(condition, seconds=1):
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            time.sleep(POLL_SECONDS)

    def leased_jobs(self):
        moments = (self.recorders[name].moment(self.fleet.processes[name].pid) for name in PAIRS)
        return sum(moment.leased for moment in moments if moment)

    def at_random(self, strike, describe):
        self.fleet.freeze(strike.name)
        strike.beside = describe()
        self.finish(strike)

    def at_a_moment(self, strike):
        """Stops the process when its recorder shows the wanted stage, and looks again: what it shows while the process
        stands still is what the kill interrupts."""
        end = time.monotonic() + (PATIENCE_SECONDS if strike.wanted else 0)
        recorder, process_id = self.recorders[strike.name], self.fleet.processes[strike.name].pid
        while True:
            moment = recorder.moment(process_id) or Moment()
            is_late = time.monotonic() >= end
            if is_late or strike.wanted in moment.stages:
                self.fleet.freeze(strike.name)
                strike.moment = recorder.moment(process_id) or Moment()
                if is_late or strike.wanted in strike.moment.stages:
                    return self.finish(strike)
                self.fleet.signal(strike.name, signal.SIGCONT)
            time.sleep(POLL_SECONDS)

    def finish(self, strike):
        if strike.action == KILL:
            self.fleet.restart(strike.name)
        else:
            self.standing.append((strike.name, time.monotonic() + LEASE_SECONDS + BEYOND_LEASE_SECONDS))

    def wake_up(self, everybody=False):
        """Lets those go on whose time is over, or waits until that holds for everybody."""
        while self.standing:
            name, until = self.standing[0]
            if everybody:
                time.sleep(max(0.0, until - time.monotonic()))
            elif until > time.monotonic():
                return
            self.standing.popleft()
            self.fleet.signal(name, signal.SIGCONT)


def report(strikes):
    """Lines: how often what was done to whom, and what the kills interrupted."""
    rows = Counter(f"{strike.kind} {strike.action}" for strike in strikes)
    lines = [f"{count:>4} × {what}" for what, count in sorted(rows.items())]
    for action in (KILL, STOP):
        stages = stage_counts(strikes, action)
        lines.append(f"{action}: " + ", ".join(f"{stages[stage]} {stage}" for stage in STAGES))
    return lines


def stage_counts(strikes, action=KILL):
    return Counter(stage for strike in strikes if strike.action == action for stage in strike.moment.stages)


def shortcomings(strikes, kills):
    """What the strikes lack: too few of them, a process that was never killed, a stage that was not met five
    times."""
    killed = [strike for strike in strikes if strike.action == KILL]
    if len(killed) < kills:
        yield f"{len(killed)} kills of {kills}"
    stages = stage_counts(killed)
    for stage in STAGES:
        if stages[stage] < STAGE_MIN:
            yield f"{stages[stage]} kills {stage}, {STAGE_MIN} wanted"
    if not any(strike.kind == "click" and strike.moment.stages for strike in killed):
        yield "click workers were killed idle only"
    for action, names in ((KILL, {"ingest", "redis", *PAIRS}), (STOP, {"ingest", "redis", *WORKERS, "scheduler"})):
        seen = {name for strike in strikes if strike.action == action for name in (strike.name, strike.kind)}
        missing = sorted(names - seen)
        if missing:
            yield f"never {action}: {', '.join(missing)}"
