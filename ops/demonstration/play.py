#!/usr/bin/env python3
"""Plays the main job on the running fleet, through HTTP and the inspector, and says step by step what happened.

Everything is real: orders are posted to the ingest as shops post them, the hold is ended by the batch command's --now, and
webhooks are taken from the receiver's own record of what it verified. Exit 0 only if every check held, 3 when this data was played on before.
"""
import argparse
import base64
import datetime
import decimal
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import subprocess
import sys
import time
import uuid

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
# The exit code that says so; ops/run knows it.
PLAYED_ALREADY = 3
SAMPLES = pathlib.Path(__file__).resolve().parent.parent / "samples"


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def minor_units(amount, currency):
    """What an amount in major units is in the ledger."""
    return int(decimal.Decimal(amount).scaleb(0 if currency in ("KRW", "JPY") else 2))


class Demonstration:
    def __init__(self, options):
        self.options = options
        self.passed = 0
        self.failed = []
        self.run = uuid.uuid4().hex[:8]
        self.keys = {}

    # -- what people read ------------------------------------------------------------------------------------------

    def chapter(self, title):
        print(f"\n{paint('1', title)}\n{'─' * len(title)}", flush=True)

    def say(self, text):
        print(f"  {text}", flush=True)

    def check(self, what, seen, wanted):
        good = seen == wanted
        mark = paint("32", "✓") if good else paint("31", "✗")
        print(f"  {mark} {what}: {seen}" + ("" if good else f"   (wanted {wanted})"), flush=True)
        if good:
            self.passed += 1
        else:
            self.failed.append(f"{what}: {seen}, wanted {wanted}")
        return good

    # -- talking to the fleet --------------------------------------------------------------------------------------

    def post(self, path, body, headers=None, visitor=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.options.ingest_port, timeout=15,
                                                source_address=(visitor, 0) if visitor else None)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request("POST", path, data, {"Content-Type": "application/json", "User-Agent": BROWSER, **(headers or {})})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        try:
            return answer.status, json.loads(text) if text else None
        except json.JSONDecodeError:
            return answer.status, text.decode(errors="replace")

    def event(self, source, kind, order, **fields):
        body = {"id": f"{source}-{kind}-{order}-{uuid.uuid4().hex[:6]}", "type": f"order.{kind}", "orderId": order,
                "occurredAt": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds"), **fields}
        status, answer = self.post("/api/v1/events", body, {"Authorization": f"Bearer {self.keys[source]}"})
        self.check(f"order.{kind} of {order} accepted", status, 202)
        return answer

    def tributary(self, *arguments, refused=False):
        result = subprocess.run([self.options.tributary, *arguments, "--json"], capture_output=True, text=True)
        if result.returncode != 0 and not refused:
            raise SystemExit(f"tributary {' '.join(arguments)} ended with {result.returncode}:\n{result.stderr or result.stdout}")
        return json.loads(result.stdout) if result.stdout.strip() else {}

    def order(self, external_id, source):
        return self.tributary("order", external_id, "--source", source)

    def wait_for(self, what, external_id, source, condition, seconds=20):
        """Asks the inspector until the order's story satisfies the condition; the last story either way."""
        end = time.monotonic() + seconds
        while True:
            result = subprocess.run([self.options.tributary, "order", external_id, "--source", source, "--json"],
                                    capture_output=True, text=True)
            story = json.loads(result.stdout) if result.returncode == 0 else None
            if story and condition(story):
                return story
            if time.monotonic() > end:
                self.check(what, "not within the time", "done")
                return story or {"conversion": {}, "commissions": []}
            time.sleep(0.05)

    def deliveries(self):
        path = pathlib.Path(self.options.received)
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]

    # -- the chapters ----------------------------------------------------------------------------------------------

    def was_played(self):
        """Whether this data has the demonstration's partners: its orders and balances would be on top of the earlier ones."""
        partners = self.tributary("partner", "list")["partners"]
        return any(partner["referralCode"] == "PARTNER001" for partner in partners)

    def prepare(self):
        self.chapter("Partners, products, keys")
        endpoints = json.loads(pathlib.Path(self.options.endpoints).read_text())
        for code, name, tier in (("PARTNER001", "Ada's Blog", "bronze"), ("GOLD001", "Gold Review", "gold")):
            self.tributary("partner", "add", "--code", code, "--name", name, "--tier", tier)
            endpoint = self.tributary("endpoint", "add", "--partner", code, "--events", "commission.*,conversion.*",
                                      "--url", f"http://127.0.0.1:{self.options.receiver_port}/{code.lower()}")
            endpoints[f"/{code.lower()}"] = {"secrets": [endpoint["secret"]]}
            self.say(f"{code} ({tier}) gets signed webhooks at {endpoint.get('url', code.lower())}")
        temporary = pathlib.Path(self.options.endpoints + ".new")
        temporary.write_text(json.dumps(endpoints))
        temporary.rename(self.options.endpoints)
        self.tributary("product", "add", "--id", "product-uuid-123", "--name", "Winter coat")
        self.tributary("product", "add", "--id", "prod-001", "--name", "Scarf")
        for source in ("demo-shop",):
            self.keys[source] = self.tributary("key", "add", "--source", source, "--name", "Demonstration shop")["key"]
        self.shopify_secret, self.woo_secret = "shopify-demo-secret", "woocommerce-demo-secret"
        self.tributary("hook", "add", "--source", "coat-shop", "--platform", "shopify", "--secret", self.shopify_secret)
        self.tributary("hook", "add", "--source", "scarf-shop", "--platform", "woocommerce", "--secret", self.woo_secret)
        self.say("demo-shop has a key; coat-shop (Shopify) and scarf-shop (WooCommerce) have their hooks")

    def click(self, wanted_status=200, **fields):
        headers = fields.pop("headers", {})
        status, answer = self.post("/api/v1/tracking/click", fields, headers)
        self.check("click answered", status, wanted_status)
        return answer

    def normal_flow(self):
        self.chapter("Test 1: a click, an order, a commission, its confirmation, its payment")
        click = self.click(referralCode="PARTNER001", productId="product-uuid-123", campaign="winter", medium="social",
                           source="instagram", sessionId=f"session-abc-{self.run}", fingerprint=f"fingerprint-xyz-{self.run}")
        self.check("click status", click["data"]["status"], "valid")
        self.check("click message", click["message"], "Click recorded successfully")
        order = f"order-uuid-789-{self.run}"
        self.first_order = order
        self.event("demo-shop", "created", order, productId="product-uuid-123", referralCode="PARTNER001", orderAmount=100000,
                   productPrice=100000, quantity=1, currency="KRW", customerId="customer-uuid-abc", isNewCustomer=True,
                   sessionId=f"session-abc-{self.run}")
        story = self.wait_for("conversion", order, "demo-shop", lambda s: s.get("conversion"))
        self.check("conversion", story["conversion"].get("status"), "pending")
        self.event("demo-shop", "confirmed", order)
        story = self.wait_for("commission", order, "demo-shop", lambda s: s["commissions"])
        commission = story["commissions"][0]
        self.check("conversion", story["conversion"]["status"], "confirmed")
        self.check("commission", (commission["status"], str(commission["amountMinor"]), commission["currency"]),
                   ("pending", self.options.first_commission, "KRW"))
        self.say(f"held until {commission['holdUntil']}")

    def confirm_and_pay(self):
        self.chapter("2 AM, eight days later: the batch command's --now ends the hold")
        later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=8)
        report = self.tributary("schedule", "run", "commission-confirmation", "--now",
                                later.isoformat(timespec="milliseconds"), "--date", later.date().isoformat())
        self.say(f"run of {report.get('businessDate')}: {report}")
        story = self.wait_for("confirmation", self.first_order, "demo-shop",
                              lambda s: s["commissions"][0]["status"] == "confirmed")
        commission = story["commissions"][0]
        self.check("commission after the hold", commission["status"], "confirmed")
        self.tributary("pay", commission["id"], "--method", "bank_transfer", "--reference", "TXN-20251103-001")
        commission = self.order(self.first_order, "demo-shop")["commissions"][0]
        self.check("commission after payment", (commission["status"], commission["paymentReference"]),
                   ("paid", "TXN-20251103-001"))
        refused = subprocess.run([self.options.tributary, "adjust", commission["id"], "--amount", "1", "--reason", "no",
                                  "--json"], capture_output=True, text=True)
        self.check("adjusting a paid commission is refused", "Cannot adjust paid commission" in refused.stdout + refused.stderr,
                   True)

    def duplicates_and_bots(self):
        self.chapter("Test 2: the same visitor twice · Test 3: a bot")
        pair = dict(referralCode="PARTNER001", sessionId=f"session-123-{self.run}", fingerprint=f"fp-456-{self.run}")
        first, second = self.click(**pair), self.click(**pair)
        self.check("first click", (first["data"]["status"], first["data"]["isValid"]), ("valid", True))
        self.check("second click", (second["data"]["status"], second["data"]["isValid"]), ("duplicate", False))
        bot = self.click(referralCode="PARTNER001", headers={"User-Agent": "curl/7.68.0"})
        self.check("curl", (bot["data"]["status"], bot["data"]["botDetectionReason"]),
                   ("bot", "Bot user-agent detected: curl"))

    def limits(self):
        self.chapter("Test 4: the 101st click of one address in 15 minutes")
        # An address of its own on the loopback: the limit must not be used up by the other chapters.
        visitor = f"127.77.{int(self.run[:2], 16)}.{1 + int(self.run[2:4], 16) % 250}"
        answers = [self.post("/api/v1/tracking/click", {"referralCode": "PARTNER001"}, visitor=visitor)
                   for _ in range(101)]
        self.check("answered 200", sum(1 for status, _ in answers if status == 200), 100)
        self.check("answered 429", sum(1 for status, _ in answers if status == 429), 1)
        self.check("what it says", answers[-1][1]["error"]["message"],
                   "Too many click requests from this IP, please try again later.")

    def partial_refund(self):
        self.chapter("Test 5: half of a gold partner's order is refunded")
        order = f"order-refund-{self.run}"
        self.event("demo-shop", "created", order, productId="prod-001", referralCode="GOLD001", orderAmount=100000,
                   productPrice=100000, quantity=1, currency="KRW", isNewCustomer=False)
        self.event("demo-shop", "confirmed", order)
        story = self.wait_for("commission", order, "demo-shop", lambda s: s["commissions"])
        self.check("commission", story["commissions"][0]["amountMinor"], 10000)
        self.event("demo-shop", "refunded", order, refundId="refund-1", refundAmount=50000, refundQuantity=0)
        story = self.wait_for("refund", order, "demo-shop", lambda s: s["conversion"]["status"] == "partial_refund"
                              and s["order"]["pricedSeq"] == s["order"]["factsSeq"])
        self.check("conversion", (story["conversion"]["status"], story["conversion"]["refundedAmountMinor"]),
                   ("partial_refund", 50000))
        self.check("commission", story["commissions"][0]["amountMinor"], 5000)

    def automation(self):
        self.chapter("The automation scenario: created, confirmed, cancelled before the hold ends")
        order = f"order-001-{self.run}"
        self.event("demo-shop", "created", order, productId="prod-001", referralCode="PARTNER001", orderAmount=100000,
                   productPrice=100000, quantity=1)
        self.event("demo-shop", "confirmed", order)
        self.wait_for("commission", order, "demo-shop", lambda s: s["commissions"])
        self.event("demo-shop", "cancelled", order, reason="Customer cancellation")
        story = self.wait_for("cancellation", order, "demo-shop",
                              lambda s: s["commissions"] and s["commissions"][0]["status"] == "cancelled")
        self.check("conversion", story["conversion"].get("status"), "cancelled")
        self.check("conversion has cancelledAt", bool(story["conversion"].get("cancelledAt")), True)
        commission = story["commissions"][0]
        self.check("commission", (commission["status"], commission["metadata"].get("cancellationReason")),
                   ("cancelled", "Customer cancellation"))

    def hook(self, platform, source, topic, payload, secret, delivery):
        body = json.dumps(payload).encode()
        signature = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
        if platform == "shopify":
            headers = {"X-Shopify-Topic": topic, "X-Shopify-Hmac-Sha256": signature, "X-Shopify-Webhook-Id": delivery,
                       "X-Shopify-Shop-Domain": "coat-shop.example"}
        else:
            headers = {"X-WC-Webhook-Topic": topic, "X-WC-Webhook-Signature": signature, "X-WC-Webhook-Delivery-ID": delivery,
                       "X-WC-Webhook-Source": "https://scarf-shop.example/"}
        status, answer = self.post(f"/api/v1/hooks/{platform}/{source}", body, headers)
        self.check(f"{platform} {topic} accepted", status // 100, 2)
        return answer

    def shops(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        for platform, source, secret in (("shopify", "coat-shop", self.shopify_secret),
                                         ("woocommerce", "scarf-shop", self.woo_secret)):
            self.chapter(f"An order as {platform} sends it, and its refund")
            sample = json.loads((SAMPLES / f"{platform}.json").read_text()
                                .replace("@NUMBER@", str(int(self.run, 16)))
                                .replace("@NOW@", now.strftime("%Y-%m-%dT%H:%M:%S")))
            for step in sample["steps"]:
                self.hook(platform, source, step["topic"], step["payload"], secret, f"{self.run}-{step['name']}")
            wanted = sample["expect"]
            story = self.wait_for("the shop's order", wanted["orderId"], source,
                                  lambda s: s["commissions"] and s["conversion"]["status"] == wanted["conversion"]
                                  and s["order"]["pricedSeq"] == s["order"]["factsSeq"])
            self.check("conversion", story["conversion"].get("status"), wanted["conversion"])
            self.check("commission", [(c["amountMinor"], c["currency"]) for c in story["commissions"]],
                       [(minor_units(wanted["commission"], wanted["currency"]), wanted["currency"])])
            wrong = self.post(f"/api/v1/hooks/{platform}/{source}", b"{}", {
                "X-Shopify-Topic": "orders/create", "X-Shopify-Hmac-Sha256": "bm90IHRoZSBrZXk=",
                "X-WC-Webhook-Topic": "order.created", "X-WC-Webhook-Signature": "bm90IHRoZSBrZXk="})
            self.check("a wrong signature", wrong[0], 401)

    def webhooks(self):
        self.chapter("What the partners received")
        end = time.monotonic() + 20
        while time.monotonic() < end:
            owed = self.tributary("queues")
            if all(queue["ready"] + queue["leased"] == 0 for queue in owed["queues"]):
                break
            time.sleep(0.1)
        received = [one for one in self.deliveries() if one["path"] != "/chat"]
        self.check("webhooks received", len(received) > 0, True)
        self.check("of these verified", sum(1 for one in received if one["verified"]), len(received))
        self.check("ids received with two bodies",
                   len({(one["id"], one["sha256"]) for one in received}) - len({one["id"] for one in received}), 0)
        ready = json.loads(pathlib.Path(self.options.received).with_name("receiver.ready").read_text())
        self.say(f"verified by {ready.get('verifier', 'the receiver itself')}")
        kinds = {}
        for one in received:
            kind = json.loads(one["body"])["type"]
            kinds[kind] = kinds.get(kind, 0) + 1
        for kind, count in sorted(kinds.items(), key=str):
            self.say(f"{count:>4} × {kind}")

    def reports(self):
        self.chapter("What operations were told")
        mails = pathlib.Path(self.options.received).with_name("mail.jsonl")
        end = time.monotonic() + 20
        while time.monotonic() < end and not (mails.exists() and mails.read_text().strip()):
            time.sleep(0.1)
        told = [json.loads(line) for line in mails.read_text().splitlines()] if mails.exists() else []
        self.check("mails with the run's report", len(told), 1)
        chats = [json.loads(one["body"])["text"] for one in self.deliveries() if one["path"] == "/chat"]
        self.check("chat messages with the run's report", len(chats), 1)
        for line in (chats[0].splitlines() if chats else []):
            self.say(line)

    def books(self):
        self.chapter("The books")
        result = subprocess.run([self.options.tributary, "ledger", "check"], capture_output=True, text=True)
        for line in (result.stdout or result.stderr).splitlines():
            self.say(line)
        self.check("ledger check", result.returncode, 0)
        print()
        print(subprocess.run([self.options.tributary, "order", self.first_order, "--source", "demo-shop"],
                             capture_output=True, text=True).stdout)

    def play(self):
        if self.was_played():
            print("The demonstration was played on this data already, and it needs data of its own.\n"
                  "  To play it again from the beginning (this forgets the data): ./ops/run, without --keep\n"
                  "  To go on with the data: ./ops/run --keep, then ./ops/tributary --help", flush=True)
            return PLAYED_ALREADY
        for chapter in (self.prepare, self.normal_flow, self.duplicates_and_bots, self.limits, self.partial_refund,
                        self.automation, self.shops, self.confirm_and_pay, self.webhooks, self.reports, self.books):
            chapter()
        self.chapter("Result")
        for failure in self.failed:
            print(f"  {paint('31', '✗')} {failure}")
        print(f"  {self.passed} checks held, {len(self.failed)} did not")
        return 1 if self.failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True, help="the running fleet, as ops/run writes it to .tributary/run.json")
    parser.add_argument("--first-commission", default=None,
                        help="what Test 1 earns, in won (default: 15000 in November and December, else 5000)")
    options = parser.parse_args()
    run = json.loads(pathlib.Path(options.run).read_text())
    os.environ["TRIBUTARY_CONFIG"] = run["configuration"]
    options.ingest_port = int(run["ingest"].rsplit(":", 1)[1])
    options.receiver_port = int(run["receiver"].rsplit(":", 1)[1])
    options.tributary = run["inspector"]
    options.received = os.path.join(run["state"], "receiver", "journal.jsonl")
    options.endpoints = os.path.join(run["state"], "receiver", "endpoints.json")
    if options.first_commission is None:
        options.first_commission = "15000" if datetime.date.today().month >= 11 else "5000"
    sys.exit(Demonstration(options).play())


if __name__ == "__main__":
    main()
