"""Asks the inspector about a fleet at rest, and checks that it tells the truth about all shards."""

import json
import subprocess
import time

from fleet import WORKERS


def check_inspector(run, fleet, prober):
    queues = fleet.inspect("queues")[1]["queues"]
    done = sum(queue["completedTotal"] for queue in queues if queue["queue"] == "conversions")
    run.check("queues: it counts jobs of all shards", len(queues) == 6 and done > len(prober.sender.accepted), done)
    processes = fleet.inspect("workers")[1]["processes"]
    wanted = len(WORKERS) * 2 + 3
    run.check("workers: each process is there", len(processes) >= wanted, f"{len(processes)} of {wanted}")
    code, found = fleet.inspect("fsck")
    run.check("fsck: nothing is off, in any shard", code == 0 and found["found"] == 0, found if code else "")
    frame = fleet.inspect("watch", "--frames", "1")[1]
    run.check("watch: a frame with queues and workers", len(frame["queues"]) == 6 and frame["workers"]["idle"] >= 2 * len(WORKERS),
              frame["workers"])
    code, dead = fleet.inspect("dead", "list")
    run.check("dead list: none", code == 0 and dead["jobs"] == [])
    fleet.inspect("limits", "set", "notifications", "5+600/m*10")
    limits = {row["queue"]: row["limit"] for row in fleet.inspect("limits")[1]["queues"]}
    fleet.inspect("limits", "lift", "notifications")
    lifted = {row["queue"]: row["limit"] for row in fleet.inspect("limits")[1]["queues"]}
    run.check("limits: set, shown and lifted", limits["notifications"]["places"] == 5 and lifted["notifications"] is None)
    paused(run, fleet, prober)
    tailed(run, fleet, prober)


def paused(run, fleet, prober):
    """A paused queue keeps its jobs, and those of all shards are found."""
    fleet.inspect("pause", "conversions")
    events = prober.events[:30]
    prober.probe(30)
    queue = next(queue for queue in fleet.inspect("queues")[1]["queues"] if queue["queue"] == "conversions")
    jobs = fleet.inspect("jobs", "--queue", "conversions", "--state", "ready")[1]["jobs"]
    shards = {job["shard"] for job in jobs}
    code, story = fleet.inspect("job", jobs[0]["id"]) if jobs else (1, None)
    taken = sum(event in prober.sender.accepted for event in events)
    run.check("pause: the queue keeps its jobs", queue["paused"] and queue["ready"] == taken,
              f"{queue['ready']} ready of {taken}")
    run.check("jobs, job: found in all shards", len(jobs) == taken and len(shards) > 1 and code == 0 and story["job"],
              f"{len(jobs)} in {len(shards)} shards")
    fleet.inspect("resume", "conversions")
    run.check("resume: and lets them go", run.settle(fleet, [prober.sender], 30))


def tailed(run, fleet, prober):
    tail = subprocess.Popen([fleet.binaries / "tributary", "tail", "--for", "4s", "--json", "--outcome", "completed"],
                           env=fleet.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    fleet.wait(lambda: any(fleet.tell(name, "EXISTS", "tributary:{0}:tail") == "1" for name in fleet.masters()), "the tail")
    # The workers learn of it right after the key is there.
    for _ in range(3):
        prober.probe(8)
        time.sleep(0.5)
    output, errors = tail.communicate(timeout=30)
    lines = [json.loads(line) for line in output.splitlines()]
    shards = {line["shard"] for line in lines if line.get("queue") == "conversions"}
    run.check("tail: it shows jobs of several shards as they end", tail.returncode == 0 and len(shards) > 1,
              f"{len(lines)} lines, {len(shards)} shards{errors}")
