"""The order step by itself, the same work for everybody: what a queue and a database cost when a job is an order.

An order is a job in Redis (appendonly, everysec). Its step is a look-up by an indexed key and two inserts, one of them with
ON CONFLICT DO NOTHING, committed in PostgreSQL (fsync, synchronous commit), and then one follow-up job, which stays. Ours goes
through the real worker, queue and pool (`tributary-bench orders`): one transaction a batch of 100, acknowledgement and
follow-ups in one script. The floor (peers/order_floor.c) does the same in C with nothing around it; Sidekiq
(peers/sidekiq_orders.rb) has one transaction an order, as it hands over one job at a time. All take turns on one PostgreSQL,
on tables made anew, each with a fresh Redis. The conversion and commission step of the fleet is order_step.py.
"""
import pathlib
import re
import subprocess

import jobs
from lib import packages, processes
from lib.postgres import Postgres
from lib.redis import SHARDS, Redis
from lib.report import OURS

PEERS = pathlib.Path(__file__).resolve().parent / "peers"
SIDEKIQ, FLOOR = "Sidekiq, 2 x 10 threads", "C floor, 2 processes"
WORKERS, BATCH = 2, 100
WHAT = "plain order step"
# The fleet's connections have the schema `tributary` as their search path; the others are given it.
SCHEMA = "tributary"
TABLES = f"""
drop schema if exists {SCHEMA} cascade;
create schema {SCHEMA};
set search_path = {SCHEMA};
create table bench_accounts (id bigint generated always as identity primary key, name text not null unique, balance bigint not null);
create table bench_keys (key text primary key, at timestamptz not null default now());
create table bench_orders (id bigint generated always as identity primary key, account_id bigint not null, key text not null,
                           amount integer not null, note text not null, at timestamptz not null default now());
create index on bench_orders (account_id, at);
insert into bench_accounts (name, balance) select 'account-' || n, 0 from generate_series(1, 10000) n;
"""
COUNTS = f"""
select (select count(*) from {SCHEMA}.bench_orders), (select count(distinct key) from {SCHEMA}.bench_orders),
       (select count(*) from {SCHEMA}.bench_keys), (select coalesce(sum(amount), 0) from {SCHEMA}.bench_orders),
       (select count(*) from {SCHEMA}.bench_orders o join {SCHEMA}.bench_accounts a on a.id = o.account_id
        where a.name = 'account-' || (1 + substr(o.key, 7)::bigint * 7919 % 10000))
"""


def measure(bench):
    candidates = [ours]
    if bench.peers:
        versions = packages.need("ruby-sidekiq", "ruby-pg", "redis-server", "gcc", "libc6-dev", "libhiredis-dev", "libpq-dev")
        bench.note(f"{WHAT}: Sidekiq {versions['ruby-sidekiq']}, ruby-pg {versions['ruby-pg']}, libpq {versions['libpq-dev']} (Debian)")
        subprocess.run(["gcc", "-O2", "-o", bench.folder / "order_floor", PEERS / "order_floor.c", "-I/usr/include/postgresql",
                        "-lhiredis", "-lpq"], check=True)
        candidates += [floor, sidekiq]
    bench.note(f"{WHAT}: 2 processes, batches of {BATCH} (Sidekiq: single orders), Redis with appendonly everysec, PostgreSQL with "
               "fsync and synchronous commit; from the first order handled to the last acknowledgement")
    with Postgres(bench) as postgres:
        for _ in range(bench.runs):
            for candidate in candidates:
                postgres.query(TABLES)
                postgres.query("vacuum analyze", "checkpoint")
                with Redis(bench, "everysec") as redis, processes.Processes(bench.subfolder("orders")) as group:
                    candidate(bench, redis, postgres, group)


def peer_environment(postgres):
    return {**postgres.environment, "PGOPTIONS": f"-c search_path={SCHEMA}"}


def ours(bench, redis, postgres, group):
    orders = bench.size(150_000, 20_000)
    jobs.enqueue(bench, redis, orders, 0, 1000, 4, feature="order")
    before = servers(redis, postgres)
    workers = [group.start(f"worker-{number}", [
        bench.binaries / "tributary-bench", "orders", "--jobs", orders, "--counts", group.folder / f"counts-{number}",
        "--latencies", group.folder / f"latencies-{number}"],
        {**jobs.settings(redis), "TRIBUTARY_POSTGRES_URL": postgres.url, "TRIBUTARY_BATCH": str(BATCH)})
        for number in range(WORKERS)]
    # The clocks of both servers are read when the last job has gone, which the end of the workers is not part of.
    processes.wait(lambda: redis.jobs("commissions") == 0, "the last order's acknowledgement", seconds=120)
    of_servers = servers(redis, postgres) - before
    # Ends the workers, and looks at each acknowledgement.
    seconds, of_workers, _ = jobs.end_workers(bench, redis, group, workers, orders, f"{WHAT}, Tributary")
    record(bench, OURS, orders, seconds, of_workers, of_servers, goal=">= 30,000; 50 % of the floor; 20 x Sidekiq")
    check(bench, postgres, OURS, orders, ids(redis, "webhooks"))


def floor(bench, redis, postgres, group):
    orders, program = bench.size(200_000, 20_000), bench.folder / "order_floor"
    subprocess.run([program, str(redis.port), "push", str(orders)], check=True, capture_output=True)
    before = servers(redis, postgres)
    workers = [group.start(f"floor-{number}", [program, redis.port, "work", BATCH], peer_environment(postgres))
               for number in range(WORKERS)]
    for worker in workers:
        if worker.wait(120) != 0:
            raise RuntimeError(f"the floor: {group.log(worker)}")
    of_servers = servers(redis, postgres) - before
    seen = [tuple(map(float, worker.output.read_text().split())) for worker in workers]
    record(bench, FLOOR, orders, max(one[2] for one in seen) - min(one[1] for one in seen), sum(one[3] for one in seen), of_servers)
    check(bench, postgres, FLOOR, orders, keys(redis, "accepted"))


def sidekiq(bench, redis, postgres, group):
    orders, program = bench.size(10_000, 2_000), PEERS / "sidekiq_orders.rb"
    subprocess.run(["ruby", program, str(orders)], check=True, capture_output=True, env={"REDIS_URL": redis.url, "PATH": "/usr/bin"})
    before = servers(redis, postgres)
    workers = [group.start(f"sidekiq-{number}", ["sidekiq", "-c", 10, "-r", program], {
        **peer_environment(postgres), "REDIS_URL": redis.url, "BENCH_JOBS": str(orders),
        "BENCH_RESULT": str(group.folder / f"result-{number}")}) for number in range(WORKERS)]
    seconds, of_workers, _ = jobs.end_sidekiqs(bench, group, workers, orders, f"{WHAT}, Sidekiq")
    record(bench, SIDEKIQ, orders, seconds, of_workers, servers(redis, postgres) - before)
    check(bench, postgres, SIDEKIQ, orders, keys(redis, "queue:accepted"))


def servers(redis, postgres):
    return redis.cpu_seconds + postgres.cpu_seconds


def record(bench, who, orders, seconds, of_workers, of_servers, goal=""):
    bench.record(WHAT, orders / seconds, "orders/s", who, goal)
    bench.record(f"{WHAT}: orders a CPU second of the workers", orders / of_workers, "orders", who)
    bench.record(f"{WHAT}: CPU of PostgreSQL and Redis", of_servers * 1e6 / orders, "µs an order", who)


def ids(redis, queue):
    """The ids of a queue's jobs; a follow-up's is made from its order's."""
    shards = redis.ask(*[("HKEYS", f"tributary:{{{shard}}}:{queue}:jobs") for shard in range(SHARDS)])
    return [name for shard in shards for name in shard]


def keys(redis, name):
    """The orders of the jobs in a list."""
    return [re.search(r"order-\d+", text)[0] for text in redis.ask(("LRANGE", name, 0, -1))[0]]


def check(bench, postgres, who, orders, follow_ups):
    """`follow_ups` has something of each follow-up job by which two of one order would be the same."""
    rows, different, keys, amount, right = map(int, postgres.query(COUNTS)[0].split("|"))
    due = sum(number % 1000 for number in range(orders))
    bench.check(f"{WHAT}, {who}: each order has its row, its key and its account once", rows == different == keys == right == orders
                and amount == due, f"{rows} rows of {different} orders, {keys} keys, {right} accounts, {amount} of {due}")
    bench.check(f"{WHAT}, {who}: one follow-up job an order", len(follow_ups) == len(set(follow_ups)) == orders,
                f"{len(follow_ups)} of {len(set(follow_ups))} orders for {orders}")
