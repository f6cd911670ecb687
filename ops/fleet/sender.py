"""Sends events as a shop would, and keeps the list of those whose 202 it read."""

import http.client
import json
import threading
import time

TIMEOUT_SECONDS = 4
TRIES_MAX = 200


class Sender:
    """Posts batches of events from a few threads, as many as were released.

    What became of each request is one of three: a 202 was read (`accepted`); it was refused (`refused`); or it is not
    known (`unanswered`), since the connection broke or the answer did not come, and the sender gave up. It gives up after
    such a failure with a chance of `gives_up`, and tries again with the same ids otherwise. A connection that was never
    made sent nothing, and is always tried again.
    """

    def __init__(self, port, key, batches, dice, threads=8, gives_up=0.3):
        self.port, self.key, self.batches, self.dice, self.gives_up = port, key, batches, dice, gives_up
        self.lock = threading.Condition()
        self.next, self.released, self.in_flight = 0, 0, 0
        self.accepted, self.refused, self.unanswered, self.tries = [], [], [], 0
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def release(self, share):
        """Lets this share of all batches be sent, from 0 to 1."""
        with self.lock:
            self.released = max(self.released, round(len(self.batches) * share))
            self.lock.notify_all()

    def between(self, first, last):
        """A face of this sender whose shares of 0 to 1 lie between these two."""
        return Part(self, first, last)

    def finish(self, seconds=120):
        """Waits until all released batches have met their end; all of them must be released."""
        end = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(timeout=max(0.0, end - time.monotonic()))
        if any(thread.is_alive() for thread in self.threads):
            raise RuntimeError("the sender does not come to its end")

    def run(self):
        while True:
            with self.lock:
                while self.next >= self.released and self.next < len(self.batches):
                    self.lock.wait()
                if self.next >= len(self.batches):
                    return
                batch = self.batches[self.next]
                self.next += 1
            self.send(batch)

    def send(self, batch):
        for _ in range(TRIES_MAX):
            status, body, is_ambiguous = self.post(batch)
            with self.lock:
                self.tries += 1
                if status == 202:
                    return self.take(batch, body)
                if status is not None and status < 500 and status != 429:
                    self.refused.append((status, body[:300]))
                    return None
                if is_ambiguous and self.dice.random() < self.gives_up:
                    break
            time.sleep(0.1)
        with self.lock:
            self.unanswered += batch
        return None

    def take(self, batch, body):
        """A 202 may refuse some of its events by their index."""
        results = json.loads(body)["data"].get("results", [])
        bad = {one["index"] for one in results if one.get("status") != 202}
        self.accepted += [event for index, event in enumerate(batch) if index not in bad]
        self.refused += [one for one in results if one.get("status") != 202]

    def post(self, batch):
        """(status or None, body, whether it may have taken effect without a 202)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.connect()
        except OSError:
            return None, b"", False
        with self.lock:
            self.in_flight += 1
        try:
            connection.request("POST", "/api/v1/events", json.dumps(batch), {
                "Authorization": f"Bearer {self.key}", "Content-Type": "application/json"})
            answer = connection.getresponse()
            body = answer.read()
            return answer.status, body, answer.status >= 500
        except (OSError, http.client.HTTPException):
            return None, b"", True
        finally:
            connection.close()
            with self.lock:
                self.in_flight -= 1

    @property
    def certain_ids(self):
        with self.lock:
            return {event["id"] for event in self.accepted}


class Part:
    """A part of a sender's batches, for somebody who counts from 0 to 1."""

    def __init__(self, sender, first, last):
        self.sender, self.first, self.last = sender, first, last

    def release(self, share):
        self.sender.release(self.first + share * (self.last - self.first))

    @property
    def in_flight(self):
        return self.sender.in_flight
