"""An operator who adjusts and cancels commissions by the command line while everything else goes on."""

import signal
import threading
import time

from fleet import UNREACHABLE
from orders import instant

BATCH = 8


class Operator:
    """Acts on each chosen order as soon as it has a commission, once. Keeps for each act what became of it, in the words
    of ops/oracle/events.py: certain, "may" when the command was killed or lost its store, nothing when it was refused."""

    def __init__(self, fleet, dice, to_adjust, to_cancel, killed=0.1):
        self.fleet, self.dice, self.killed = fleet, dice, killed
        self.left = {**dict.fromkeys(to_adjust, "adjust"), **dict.fromkeys(to_cancel, "cancel")}
        self.acts, self.refused, self.failure = [], [], None
        self.acting, self.ended = threading.Lock(), threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def finish(self, seconds=60):
        """Acts on what is left and has a commission, and stops."""
        self.ended.set()
        self.thread.join(timeout=seconds)
        if self.failure or self.thread.is_alive():
            raise RuntimeError(f"the operator: {self.failure or 'does not come to an end'}")

    def at_rest(self):
        """A context in which no act begins or is under way."""
        return self.acting

    def run(self):
        try:
            while self.left:
                found = self.find()
                if not found and self.ended.is_set():
                    return
                for order, commission, partner in found:
                    with self.acting:
                        self.act(order, commission, partner, self.left.pop(order))
                time.sleep(0.2)
        except Exception as error:  # A thread's exception must reach who waits for it.
            self.failure = repr(error)

    def find(self):
        names = ",".join(f"'{order}'" for order in self.left)
        try:
            rows = self.fleet.query(
                "select o.external_id, c.id, p.referral_code from partner_commissions c join orders o on o.id = c.order_id"
                f" join partners p on p.id = c.partner_id where o.external_id in ({names}) limit {BATCH}")
        except RuntimeError:
            # PostgreSQL is being restarted.
            return []
        return [tuple(row.split("|")) for row in rows]

    def act(self, order, commission, partner, kind):
        amount = self.dice.choice([0, 1, 2500, 7777, 12345])
        words = ["adjust", commission, "--amount", str(amount)] if kind == "adjust" else ["cancel", commission]
        row = {"operator": kind, "id": f"act-{order}", "orderId": order, "partner": partner, "at": instant(time.time())}
        if kind == "adjust":
            row["newAmountMinor"] = amount
        process = self.fleet.run_inspector(*words, "--reason", "fleet test")
        if self.dice.random() < self.killed:
            time.sleep(self.dice.random() * 0.3)
            process.send_signal(signal.SIGKILL)
        _, errors = process.communicate()
        if process.returncode == 0:
            self.acts.append({**row, "may": False})
        elif process.returncode in (-signal.SIGKILL, UNREACHABLE):
            self.acts.append({**row, "may": True})
        elif process.returncode == 1 and "Cannot" in errors:
            self.refused.append((order, errors.strip()))
        else:
            self.failure = f"{' '.join(words)}: exit {process.returncode}, {errors.strip()}"
            self.left.clear()

    def __str__(self):
        may = sum(act["may"] for act in self.acts)
        kinds = [sum(act["operator"] == kind for act in self.acts) for kind in ("adjust", "cancel")]
        return f"{kinds[0]} adjustments and {kinds[1]} cancellations by an operator, {may} of them may have happened, " \
               f"{len(self.refused)} refused"
