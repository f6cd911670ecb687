#!/usr/bin/env python3
"""The 2 AM confirmation: a run over a backlog of commissions past their hold, each with its audit, ledger and delivery rows.

One order goes through the real workers; the others are copies of all its rows under ids and holds of their own, as if as many
had been priced within a day. Two batch workers then carry one run to its end. No webhook worker runs: deliveries are owed
rows, and jobs in Redis (appendfsync always). The figure is by the run's own row, from its request to its finish by
PostgreSQL's clock. Afterwards every row is counted, the sums are compared, and the ledger is checked.
Alone: `ops/bench/confirmation.py --help`.
"""
import datetime
import os
import pathlib
import sys
import time

if __name__ == "__main__":
    os.execv(pathlib.Path(__file__).with_name("run"), ["run", "confirmation", *sys.argv[1:]])

from lib import fleet as fleets  # noqa: E402
from lib import processes  # noqa: E402

# Each copy's hold ends a little earlier than the last one's. Generated columns and identities are left to the database.
COPIES = """
create temporary table copies as
  select gen_random_uuid() as order_id, gen_random_uuid() as conversion_id, gen_random_uuid() as commission_id, n
  from generate_series(2, {count}) n;
insert into orders select r.* from orders o, copies p,
  lateral jsonb_populate_record(o, jsonb_build_object('id', p.order_id, 'external_id', 'copy-' || p.n)) r where o.external_id = 'o-1';
insert into order_facts select r.* from order_facts f, copies p,
  lateral jsonb_populate_record(f, jsonb_build_object('order_id', p.order_id)) r where f.order_id = (select id from orders where external_id = 'o-1');
insert into conversion_events select r.* from conversion_events v, copies p,
  lateral jsonb_populate_record(v, jsonb_build_object(
    'id', p.conversion_id, 'order_id', p.order_id, 'external_order_id', 'copy-' || p.n)) r where v.external_order_id = 'o-1';
insert into partner_commissions select r.* from partner_commissions c, copies p,
  lateral jsonb_populate_record(c, jsonb_build_object(
    'id', p.commission_id, 'order_id', p.order_id, 'conversion_id', p.conversion_id, 'external_order_id', 'copy-' || p.n,
    'hold_until', c.hold_until - p.n * interval '400 milliseconds')) r where c.external_order_id = 'o-1';
insert into ledger_entries (order_id, partner_id, commission_id, kind, debit_account, credit_account, currency, amount,
                            facts_from, facts_to)
  select p.order_id, e.partner_id, p.commission_id, e.kind, e.debit_account, e.credit_account, e.currency, e.amount,
         e.facts_from, e.facts_to
  from ledger_entries e, copies p where e.order_id = (select id from orders where external_id = 'o-1');
insert into audit_logs (id, entity_type, entity_id, action, changes)
  select gen_random_uuid(), a.entity_type, p.commission_id, a.action, a.changes
  from audit_logs a, copies p where a.entity_id = (select id from partner_commissions where external_order_id = 'o-1');
"""
COUNTS = """
select (select count(*) from partner_commissions where status = 'confirmed'),
       (select count(*) from ledger_entries where kind = 'confirmation'),
       (select count(*) from audit_logs where action = 'auto_confirmed'),
       (select count(*) from webhook_deliveries d join webhook_events e on e.id = d.event_id
        where d.status = 'owed' and e.type = 'commission.confirmed'),
       (select coalesce(sum(amount), 0) from ledger_entries where kind = 'confirmation'),
       (select sum(commission_amount) from partner_commissions)
"""
SECONDS = "select extract(epoch from finished_at - clock_at) from batch_runs where state = 'finished'"


def measure(bench):
    count = bench.size(200_000, 10_000)
    bench.note(f"2 AM confirmation: {count:,} commissions due, 2 batch workers, PostgreSQL with fsync and synchronous commit, "
               "tables vacuumed and analysed and a checkpoint before the run")
    for _ in range(bench.runs):
        with fleets.prepared(bench, "confirmation") as fleet:
            fleet.inspect("endpoint", "add", "--partner", "PARTNER001", "--events", "commission.confirmed", "--url",
                          f"http://127.0.0.1:{fleet.receiver_port}/confirmed")
            fill(fleet, count)
            one_run(bench, fleet, count)


def fill(fleet, count):
    """One order by the workers, the rest as its copies; the tables then as after a night of autovacuum."""
    now = time.time() - 60
    workers = {"ingest": "ingest", "conversion": "conversion-worker", "commission": "commission-worker"}
    for name, program in workers.items():
        fleet.start(name, [fleets.executable(fleet, program)])
    fleets.wait_for_ingest(fleet)
    fleets.post(fleet, [fleets.created(1, now), fleets.confirmed(1, now + 1)])
    fleet.wait(lambda: fleet.query("select 1 from partner_commissions where status = 'pending'"), "the first commission")
    for name in workers:
        process = fleet.processes.pop(name)
        process.terminate()
        process.wait()
    fleet.query(COPIES.format(count=count))
    # Neither runs in a transaction, which several statements in one text are.
    fleet.query("vacuum analyze")
    fleet.query("checkpoint")


def one_run(bench, fleet, count):
    for number in (1, 2):
        fleet.start(f"batch-{number}", [fleets.executable(fleet, "batch-worker")])
    parts = {"PostgreSQL": ["postgres"], "Redis": ["redis"], "the batch workers": ["batch-1", "batch-2"]}
    before = {part: cpu(fleet, names) for part, names in parts.items()}
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=8)
    report = fleet.inspect("schedule", "run", "commission-confirmation", "--date", later.date().isoformat(), "--now",
                           later.isoformat(timespec="milliseconds"))[1]
    fleet.wait(lambda: fleet.query(SECONDS), "the end of the run", 600)
    bench.record("2 AM confirmation", count / float(fleet.query(SECONDS)[0]), "commissions/s", goal=">= 15,000")
    for part, names in parts.items():
        bench.record(f"2 AM confirmation: CPU of {part}", (cpu(fleet, names) - before[part]) * 1e6 / count, "µs a commission")
    confirmed, entries, audits, deliveries, moved, due = map(int, fleet.query(COUNTS)[0].split("|"))
    bench.check("2 AM confirmation: each commission has its entry, audit row and owed delivery, and the sums agree",
                confirmed == entries == audits == deliveries == count and moved == due,
                f"{confirmed}, {entries}, {audits}, {deliveries} of {count}; {moved} of {due}; {report}")
    selected, counted = map(int, fleet.query("select selected, confirmed from batch_runs")[0].split("|"))
    bench.check("2 AM confirmation: the run has counted each once", selected == counted == count, (selected, counted))
    bench.check("2 AM confirmation: the ledger is in order", fleet.inspect("ledger", "check")[0] == 0)


def cpu(fleet, names):
    return sum(processes.cpu_seconds_of_all(fleet.processes[name].pid) for name in names)
