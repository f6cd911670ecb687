"""No-op jobs of 200 bytes: enqueue, work, memory, idle cost and latency; beside Sidekiq and a floor in C.

Ours goes through the real producer, worker and queue (`tributary-bench enqueue|work|load`): a job counts when Redis has
confirmed its acknowledgement. Sidekiq is Debian's, 2 processes of 10 threads; it takes a job off its list before it runs, so
a crash loses it. The floor (peers/queue_floor.c) claims and acknowledges 100 jobs a script call and does nothing else.
All on a fresh Redis of the same settings each time, one after the other, and again for each run. After each run the
acknowledgements of each single job are counted: exactly one.
"""
import array
import json
import pathlib
import subprocess
import time

from lib import packages, processes
from lib.redis import MODES, Client, Redis
from lib.report import OURS, percentile

PEERS = pathlib.Path(__file__).resolve().parent / "peers"
SIDEKIQ, FLOOR = "Sidekiq, 2 x 10 threads", "C floor, 2 processes"
WORKERS, IDLE_WORKERS = 2, 10
# (name, queue, feature of `tributary-bench enqueue`). The queue of events remembers completed ids, so that a producer's late
# repeat changes nothing.
FEATURES = [("jobs without features", "commissions", "none"), ("completed ids remembered", "conversions", "none"),
            ("four priorities in turn", "commissions", "priorities"), ("jobs with a lifetime", "commissions", "lifetime"),
            ("a unique key each", "commissions", "unique"), ("5,000 order keys in turn", "commissions", "order-keys")]


def measure(bench):
    if bench.peers:
        versions = packages.need("ruby-sidekiq", "redis-server", "gcc", "libc6-dev", "libhiredis-dev")
        bench.note(f"Sidekiq {versions['ruby-sidekiq']}, hiredis {versions['libhiredis-dev']} (Debian)")
        subprocess.run(["gcc", "-O2", "-o", bench.folder / "queue_floor", PEERS / "queue_floor.c", "-lhiredis"], check=True)
    bench.note("one at a time = each answered before the next; 64 callers = a server's concurrent requests; bulk = 1,000 "
               "jobs a call (ours 4 calls at once); the floor's enqueue = 100 LPUSH a round trip")
    bench.note("2 worker processes, batches of 100, 2 batches in flight each; Redis on the same cores; rate from the "
               "first job handled to the last acknowledgement")
    candidates = [ours, sidekiq, floor] if bench.peers else [ours]
    for run in range(bench.runs):
        for mode in MODES:
            for candidate in candidates:
                with Redis(bench, mode) as redis, processes.Processes(bench.subfolder("jobs")) as group:
                    candidate(bench, redis, group, mode)
        for name, queue, feature in FEATURES:
            with Redis(bench, "everysec") as redis, processes.Processes(bench.subfolder("jobs")) as group:
                featured(bench, redis, group, name, queue, feature)
        latency(bench)
        idle(bench)


def goals(mode):
    return {"work": ">= 100,000", "bulk": ">= 200,000", "bytes": "<= 430"} if mode == "everysec" else {}


# Ours

def settings(redis):
    return {"TRIBUTARY_REDIS_URL": redis.url, "TRIBUTARY_REDIS_FSYNC": "any", "TRIBUTARY_DURABILITY": "warn",
            "TRIBUTARY_LOG_LEVEL": "error"}


def produce(bench, redis, *arguments):
    result = subprocess.run([bench.binaries / "tributary-bench", *map(str, arguments)], capture_output=True, text=True,
                            env={**settings(redis), "PATH": "/usr/bin"})
    if result.returncode != 0:
        raise RuntimeError(f"tributary-bench {arguments[0]}: {result.stdout[-500:]} {result.stderr[-500:]}")
    return json.loads(result.stdout)


def enqueue(bench, redis, jobs, first, together, callers, queue="commissions", feature="none"):
    seen = produce(bench, redis, "enqueue", "--jobs", jobs, "--first", first, "--together", together, "--callers", callers,
                   "--queue", queue, "--feature", feature)
    bench.check(f"enqueue, {redis.mode}: every job was added once", seen["added"] == jobs and seen["not_added"] == 0, seen)
    return jobs / seen["seconds"]


def start_workers(bench, redis, group, jobs, count=WORKERS, queue="commissions"):
    return [group.start(f"worker-{number}", [
        bench.binaries / "tributary-bench", "work", "--jobs", jobs, "--counts", group.folder / f"counts-{number}",
        "--latencies", group.folder / f"latencies-{number}", "--queue", queue], settings(redis)) for number in range(count)]


def end_workers(bench, redis, group, workers, jobs, what, queue="commissions"):
    """Waits for the last acknowledgement and ends the workers; checks them; (seconds, their CPU seconds, latencies)."""
    processes.wait(lambda: redis.jobs(queue) == 0, f"{what}: the last acknowledgement", seconds=120)
    for worker in workers:
        code = group.end(worker)
        if code != 0:
            raise RuntimeError(f"{worker.name} ended with {code}: {worker.output.read_text()} {group.log(worker)[-500:]}")
    seen = [json.loads(worker.output.read_text().splitlines()[-1]) for worker in workers]
    counts = [(group.folder / f"counts-{number}").read_bytes() for number in range(len(workers))]
    exactly_once(bench, what, counts, jobs)
    bench.check(f"{what}: no acknowledgement was refused", all(one["stale"] == one["strange"] == 0 for one in seen), seen)
    busy = [one for one in seen if one["acknowledged"]]
    latencies = array.array("i")
    for number in range(len(workers)):
        latencies.frombytes((group.folder / f"latencies-{number}").read_bytes())
    return (max(one["last"] for one in busy) - min(one["first"] for one in busy), sum(one["cpu_seconds"] for one in seen),
            latencies)


def exactly_once(bench, what, counts, jobs):
    """`counts` has for each worker a byte a job."""
    total = [sum(column) for column in zip(*counts)] if len(counts) > 1 else list(counts[0])
    lost, twice = total.count(0), sum(1 for count in total if count > 1)
    bench.check(f"{what}: each job exactly once", len(total) == jobs and lost == twice == 0,
                f"{jobs} jobs, {lost} lost, {twice} more than once")


def ours(bench, redis, group, mode):
    single, concurrent, jobs = bench.size((20_000, 80_000, 500_000), (2_000, 8_000, 50_000))
    goal, before = goals(mode), redis.used_bytes
    bench.record(f"enqueue one at a time, AOF {mode}", enqueue(bench, redis, single, 0, 1, 1), "jobs/s")
    bench.record(f"enqueue, 64 callers, AOF {mode}", enqueue(bench, redis, concurrent, single, 1, 64), "jobs/s")
    cpu = redis.cpu_seconds
    bulk = enqueue(bench, redis, jobs - single - concurrent, single + concurrent, 1000, 4)
    bench.record(f"enqueue in bulk, AOF {mode}", bulk, "jobs/s", goal=goal.get("bulk", ""))
    bench.record(f"enqueue in bulk, AOF {mode}: jobs a CPU second of Redis",
                 (jobs - single - concurrent) / (redis.cpu_seconds - cpu), "jobs")
    waiting = redis.jobs("commissions")
    bench.check(f"enqueue, {mode}: all wait in Redis", waiting == jobs, f"{waiting} of {jobs}")
    if mode == "everysec":
        bench.record("Redis memory of a waiting 200 B job", (redis.used_bytes - before) / jobs, "bytes", goal=goal["bytes"])
    cpu = redis.cpu_seconds
    workers = start_workers(bench, redis, group, jobs)
    seconds, worker_cpu, _ = end_workers(bench, redis, group, workers, jobs, f"no-op jobs, {mode}")
    record_work(bench, mode, OURS, jobs, seconds, worker_cpu, redis.cpu_seconds - cpu, goal.get("work", ""))


def record_work(bench, mode, who, jobs, seconds, worker_cpu, redis_cpu, goal=""):
    bench.record(f"no-op jobs, AOF {mode}", jobs / seconds, "jobs/s", who, goal)
    bench.record(f"no-op jobs, AOF {mode}: jobs a CPU second of the workers", jobs / worker_cpu, "jobs", who)
    bench.record(f"no-op jobs, AOF {mode}: jobs a CPU second of Redis", jobs / redis_cpu, "jobs", who)


def featured(bench, redis, group, name, queue, feature):
    """What a feature costs where it is used. Where it is not, it is part of the plain figure."""
    jobs = bench.size(300_000, 30_000)
    bulk = enqueue(bench, redis, jobs, 0, 1000, 4, queue, feature)
    workers = start_workers(bench, redis, group, jobs, queue=queue)
    seconds, _, _ = end_workers(bench, redis, group, workers, jobs, f"no-op jobs, {name}", queue)
    bench.record(f"{name}, AOF everysec: enqueue in bulk", bulk, "jobs/s")
    bench.record(f"{name}, AOF everysec: no-op jobs", jobs / seconds, "jobs/s")


# Sidekiq

def ruby(redis, *arguments):
    """(jobs, seconds) of a producer."""
    result = subprocess.run(["ruby", PEERS / "sidekiq_jobs.rb", *map(str, arguments)], capture_output=True, text=True,
                            env={"REDIS_URL": redis.url, "PATH": "/usr/bin"})
    if result.returncode != 0:
        raise RuntimeError(f"sidekiq_jobs.rb: {result.stderr[-500:]}")
    jobs, begin, end, _ = map(float, result.stdout.split())
    return jobs, begin, end


def start_sidekiqs(redis, group, jobs, count=WORKERS):
    return [group.start(f"sidekiq-{number}", ["sidekiq", "-c", 10, "-r", PEERS / "sidekiq_jobs.rb"], {
        "REDIS_URL": redis.url, "BENCH_JOBS": str(jobs), "BENCH_RESULT": str(group.folder / f"result-{number}")})
        for number in range(count)]


def sidekiq_results(group):
    """[(jobs, first, last, CPU seconds)] of the processes that have had a job."""
    return [tuple(map(float, path.read_text().split())) for path in group.folder.glob("result-?")]


def end_sidekiqs(bench, group, workers, jobs, what):
    processes.wait(lambda: sum(one[0] for one in sidekiq_results(group)) >= jobs, f"{what}: the last job", seconds=180)
    for worker in workers:
        group.end(worker)
    exactly_once(bench, what, [path.read_bytes() for path in group.folder.glob("result-?.counts")], jobs)
    seen = sidekiq_results(group)
    latencies = array.array("i")
    for path in group.folder.glob("result-?.latencies"):
        latencies.frombytes(path.read_bytes())
    return max(one[2] for one in seen) - min(one[1] for one in seen), sum(one[3] for one in seen), latencies


def sidekiq(bench, redis, group, mode):
    single, jobs = bench.size((10_000, 60_000), (1_000, 10_000))
    before = redis.used_bytes
    count, begin, end = ruby(redis, "enqueue", 0, single, 1)
    bench.record(f"enqueue one at a time, AOF {mode}", count / (end - begin), "jobs/s", SIDEKIQ)
    cpu = redis.cpu_seconds
    count, begin, end = ruby(redis, "enqueue", single, jobs - single, 1000)
    bench.record(f"enqueue in bulk, AOF {mode}", count / (end - begin), "jobs/s", SIDEKIQ)
    bench.record(f"enqueue in bulk, AOF {mode}: jobs a CPU second of Redis", count / max(0.01, redis.cpu_seconds - cpu),
                 "jobs", SIDEKIQ)
    if mode == "everysec":
        bench.record("Redis memory of a waiting 200 B job", (redis.used_bytes - before) / jobs, "bytes", SIDEKIQ)
    cpu = redis.cpu_seconds
    workers = start_sidekiqs(redis, group, jobs)
    seconds, worker_cpu, _ = end_sidekiqs(bench, group, workers, jobs, f"Sidekiq, {mode}")
    record_work(bench, mode, SIDEKIQ, jobs, seconds, worker_cpu, redis.cpu_seconds - cpu)


# The floor

def floor(bench, redis, group, mode):
    jobs, program = bench.size(500_000, 50_000), bench.folder / "queue_floor"
    before, cpu = redis.used_bytes, redis.cpu_seconds
    pushed = subprocess.run([program, str(redis.port), "push", "0", str(jobs)], capture_output=True, text=True, check=True)
    _, begin, end, _ = map(float, pushed.stdout.split())
    bench.record(f"enqueue in bulk, AOF {mode}", jobs / (end - begin), "jobs/s", FLOOR)
    bench.record(f"enqueue in bulk, AOF {mode}: jobs a CPU second of Redis", jobs / max(0.01, redis.cpu_seconds - cpu),
                 "jobs", FLOOR)
    if mode == "everysec":
        bench.record("Redis memory of a waiting 200 B job", (redis.used_bytes - before) / jobs, "bytes", FLOOR)
    cpu = redis.cpu_seconds
    workers = [group.start(f"floor-{number}", [program, redis.port, "work", jobs, group.folder / f"floor-{number}.counts"])
               for number in range(WORKERS)]
    for worker in workers:
        if worker.wait(120) != 0:
            raise RuntimeError(f"the floor: {group.log(worker)}")
    seen = [tuple(map(float, worker.output.read_text().split())) for worker in workers]
    exactly_once(bench, f"the floor, {mode}", [path.read_bytes() for path in group.folder.glob("*.counts")], jobs)
    record_work(bench, mode, FLOOR, jobs, max(one[2] for one in seen) - min(one[1] for one in seen),
                sum(one[3] for one in seen), redis.cpu_seconds - cpu)


# Latency and idle cost

AT_OWN, AT_SIDEKIQS = "open load at 50 % of its capacity", "open load at 50 % of Sidekiq's capacity"


def latency(bench):
    """Open loop, everysec. Capacity is what producer and workers reach together; latency counts from a job's moment, not from
    when it was sent, so that a producer that falls behind shows."""
    jobs = bench.size(400_000, 40_000)
    with Redis(bench, "everysec") as redis, processes.Processes(bench.subfolder("jobs")) as group:
        workers = start_workers(bench, redis, group, jobs)
        begin = produce(bench, redis, "enqueue", "--jobs", jobs, "--together", 1000, "--callers", 4)["begin"]
        end_workers(bench, redis, group, workers, jobs, "capacity")
        capacity = jobs / (max(json.loads(worker.output.read_text())["last"] for worker in workers) - begin)
    bench.record("enqueue and work at once, AOF everysec", capacity, "jobs/s")
    open_load(bench, AT_OWN, int(capacity / 2))
    if bench.peers:
        open_load(bench, AT_SIDEKIQS, sidekiq_latency(bench))


def open_load(bench, title, rate):
    seconds = bench.size(10, 3)
    with Redis(bench, "everysec") as redis, processes.Processes(bench.subfolder("jobs")) as group:
        workers = start_workers(bench, redis, group, rate * seconds)
        # Whoever starts is not idle yet.
        time.sleep(0.5)
        seen = produce(bench, redis, "load", "--rate", rate, "--seconds", seconds)
        bench.check(f"{title}: every job was added once", seen["added"] == rate * seconds and not seen["not_added"], seen)
        _, _, pairs = end_workers(bench, redis, group, workers, rate * seconds, title)
    bench.record(f"{title}: sent", seen["added"] / seen["seconds"], "jobs/s")
    record_latency(bench, f"{title}: due to handled", pairs[0::2])
    record_latency(bench, f"{title}: due to acknowledged", pairs[1::2])


def sidekiq_latency(bench):
    """The rate at which it was measured."""
    jobs, seconds = bench.size((30_000, 10), (6_000, 3))
    with Redis(bench, "everysec") as redis, processes.Processes(bench.subfolder("jobs")) as group:
        workers = start_sidekiqs(redis, group, jobs)
        time.sleep(2)
        _, begin, _ = ruby(redis, "enqueue", 0, jobs, 1000)
        end_sidekiqs(bench, group, workers, jobs, "Sidekiq, capacity")
        capacity = jobs / (max(one[2] for one in sidekiq_results(group)) - begin)
    bench.record("enqueue and work at once, AOF everysec", capacity, "jobs/s", SIDEKIQ)
    rate = int(capacity / 2)
    with Redis(bench, "everysec") as redis, processes.Processes(bench.subfolder("jobs")) as group:
        workers = start_sidekiqs(redis, group, rate * seconds)
        time.sleep(2)
        sent, begin, end = ruby(redis, "load", rate, seconds)
        _, _, latencies = end_sidekiqs(bench, group, workers, rate * seconds, "Sidekiq, open load")
    for title in (AT_OWN, AT_SIDEKIQS):
        bench.record(f"{title}: sent", sent / (end - begin), "jobs/s", SIDEKIQ)
        record_latency(bench, f"{title}: due to handled", latencies, SIDEKIQ)
    return rate


def record_latency(bench, what, microseconds, who=OURS):
    ordered = sorted(microseconds)
    for name, part in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)):
        bench.record(f"{what}, {name}", percentile(ordered, part) / 1000, "ms", who)


def idle(bench):
    """What ten idle workers cost Redis, and how much memory each has."""
    seconds = bench.size(30, 6)
    candidates = [(OURS, lambda *words: start_workers(bench, *words, 1, IDLE_WORKERS), "<= 200")]
    if bench.peers:
        # Sidekiq's unit is the thread; one process has ten.
        candidates.append(("Sidekiq, 1 x 10 threads", lambda *words: start_sidekiqs(*words, 1, 1), ""))
    for who, start, goal in candidates:
        with Redis(bench, "everysec") as redis, processes.Processes(bench.subfolder("idle")) as group:
            workers = start(redis, group)
            time.sleep(3)
            changes = int(redis.info("persistence")["rdb_changes_since_last_save"])
            from_clients, in_scripts = Client(redis.port).watch(seconds)
            changes = int(redis.info("persistence")["rdb_changes_since_last_save"]) - changes
            minutes = seconds / 60
            bench.record("ten idle workers: commands a minute", from_clients / minutes, "commands", who, goal)
            bench.record("ten idle workers: commands a minute inside their scripts", in_scripts / minutes, "commands", who)
            bench.record("ten idle workers: writes a minute", changes / minutes, "writes", who, "0" if goal else "")
            sizes = [processes.resident_mib(worker.pid) for worker in workers]
            for name, index in (("RSS", 0), ("PSS", 1)):
                bench.record(f"idle worker process: {name}", sorted(size[index] for size in sizes)[len(sizes) // 2], "MiB", who,
                             "<= 25" if goal and name == "RSS" else "")
