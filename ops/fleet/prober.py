"""Sends many single events at once, to find out what callers see."""

import concurrent.futures
import json
import random
import time

from sender import Sender

TOGETHER = 48


class Prober:
    """Sends single events at once, and keeps for the judgement what became of them, as a Sender does."""

    def __init__(self, fleet, key, events):
        self.sender = Sender(fleet.ingest_port, key, [], random.Random(0), threads=0)
        self.events = events

    def probe(self, count=TOGETHER):
        """(status, seconds, error code) of each."""
        events, self.events = self.events[:count], self.events[count:]
        with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
            return list(pool.map(self.send, events))

    def send(self, event):
        begin = time.monotonic()
        status, body, _ = self.sender.post([event])
        seconds = time.monotonic() - begin
        with self.sender.lock:
            if status == 202:
                self.sender.take([event], body)
            else:
                self.sender.unanswered.append(event)
        code = json.loads(body)["error"]["code"] if status not in (None, 202) else None
        return status, seconds, code
