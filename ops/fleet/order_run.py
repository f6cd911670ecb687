"""What the runs that send orders through a whole fleet share: its preparation, when all is done, and the judgement."""

import datetime
import json
import time

import judge
from checked_run import CheckedRun
from orders import PARTNERS, policies

# Between two looks at what is still owed.
LOOK_SECONDS = 0.5
# The receiver takes its time, so that requests are under way when a webhook worker is killed.
RECEIVER_DELAY_MS = 15

OWED = {
    "pricings": "select count(*) from orders where priced_seq < facts_seq",
    "deliveries": "select count(*) from webhook_deliveries where status = 'owed' and next_attempt_at <= clock_timestamp()",
}


class OrderRun(CheckedRun):
    def prepare(self, fleet, postgres_settings=()):
        """Starts everything, with partners, their endpoints and an API key, which it returns."""
        fleet.start_servers(postgres_settings)
        fleet.inspect("migrate")
        fleet.inspect("seed", "--year", str(datetime.date.today().year))
        endpoints = {}
        for code, tier in PARTNERS.items():
            fleet.inspect("partner", "add", "--code", code, "--name", code, "--tier", tier)
            made = fleet.inspect("endpoint", "add", "--partner", code, "--events", "commission.*", "--url",
                                 f"http://127.0.0.1:{fleet.receiver_port}/{code}")[1]
            endpoints[f"/{code}"] = {"secrets": [made["secret"]], "delayMs": RECEIVER_DELAY_MS}
        fleet.endpoints.write_text(json.dumps(endpoints))
        key = fleet.inspect("key", "add", "--source", "shop", "--name", "shop")[1]["key"]
        fleet.start_fleet()
        return key

    def owed(self, fleet):
        return {what: int(fleet.query(sql)[0]) for what, sql in OWED.items()}

    def stored_ids(self, fleet):
        return set(fleet.query("select event_id from inbound_events"))

    def settle(self, fleet, senders, seconds):
        """Waits until everything accepted is stored, nothing is owed and no queue has anything ready or leased."""
        end = time.monotonic() + seconds
        certain = set().union(*(sender.certain_ids for sender in senders))
        while time.monotonic() < end:
            fleet.supervise()
            if sum(self.owed(fleet).values()) == 0 and certain <= self.stored_ids(fleet):
                queues = fleet.inspect("queues")[1]["queues"]
                if not any(queue["ready"] + queue["leased"] for queue in queues):
                    return True
            time.sleep(LOOK_SECONDS)
        return False

    def judge(self, fleet, orders, senders, acts=()):
        """Compares what was accepted, and what an operator did, with what has become of it."""
        accepted = [event for sender in senders for event in sender.accepted]
        unanswered = [event for sender in senders for event in sender.unanswered]
        self.check_none("no event was refused", (bad for sender in senders for bad in sender.refused))
        rows = (row.split("|") for row in fleet.query(
            "select e.event_id, e.state, (select count(*) from inbound_event_conflicts c where c.event_id = e.id)"
            " from inbound_events e"))
        self.check_none("stored is what was accepted, and nothing else", judge.stored_events(
            {event["id"] for event in orders.events}, {event["id"] for event in accepted},
            {event: (state, int(conflicts)) for event, state, conflicts in rows}))
        lines = [{"event": event, "may": False, "source": "shop"} for event in accepted]
        lines += [{"event": event, "may": True, "source": "shop"} for event in unanswered]
        if acts:
            self.judge_acts(fleet, acts)
        actual = fleet.query(
            "select json_build_object('source', o.source, 'orderId', o.external_id, 'conversion', v.status, 'currency',"
            " v.currency, 'commissions', coalesce((select json_agg(json_build_object('partner', p.referral_code,"
            " 'amountMinor', c.commission_amount)) from partner_commissions c join partners p on p.id = c.partner_id"
            " where c.order_id = o.id), '[]')) from orders o left join conversion_events v on v.order_id = o.id")
        summary = []
        self.check_none("every order is as the oracle computes it", judge.oracle(
            fleet.folder, lines + list(acts), policies(datetime.date.today().year), actual, summary))
        print(f"    the oracle: {' '.join(summary)}")
        code, answer = fleet.inspect("ledger", "check")
        self.check("the ledger is in order", code == 0, "" if code == 0 else answer)
        twice = fleet.query("select count(*) from (select entity_id from audit_logs where action = 'created'"
                            " group by 1 having count(*) > 1) t")[0]
        self.check("no commission was created twice", twice == "0", twice)
        owed = [json.loads(row) for row in fleet.query(
            "select json_build_object('event', d.event_id, 'path', '/' || p.referral_code, 'sha256',"
            " encode(sha256(e.body), 'hex'), 'status', d.status, 'attempt', d.attempt) from webhook_deliveries d"
            " join webhook_events e on e.id = d.event_id join partners p on p.id = e.partner_id")]
        received = [json.loads(line) for line in fleet.journal.read_text().splitlines()]
        self.check_none(f"{len(owed)} webhooks: each received with one id and its own bytes ({len(received)} came)",
                        judge.deliveries(owed, received))
        self.check_none("no attempt was spent, no job is dead or left", judge.queues_at_rest(
            fleet.inspect("queues")[1]["queues"]))

    def judge_acts(self, fleet, acts):
        known = {}
        for order, event in (row.split("|") for row in fleet.query(
                "select o.external_id, e.event_id from orders o join order_facts a on a.order_id = o.id and a.kind = 'adjustment'"
                " left join order_facts f on f.order_id = o.id and f.seq < a.seq"
                " left join inbound_events e on e.id = f.event_id")):
            known.setdefault(order, set()).add(event)
        self.check_none("every act of the operator is a fact", judge.acts(acts, known))
