"""Sends referral clicks while everything else goes on, and keeps the list of those whose answer it read."""

import http.client
import json
import threading
import time

TIMEOUT_SECONDS = 4
# A browser's; without one a click would be taken for a bot's.
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
# 100 clicks of an address pass in 15 minutes; each of these sends fewer.
CLICKS_OF_ADDRESS = 50


def address(number):
    """Of the number-th click. The ingest has to trust whoever sends them as a proxy."""
    place = number // CLICKS_OF_ADDRESS
    return f"10.{place >> 16 & 255}.{place >> 8 & 255}.{place & 255}"


class Clicker:
    """Clicks from a few threads until it is told to finish, a session for each click, so that none repeats another.

    What became of each is one of three: acknowledged as valid, with its id (`accepted`: click id -> session); refused or
    filtered (`refused`); or not known (`unanswered`: sessions), since the connection broke or the answer was a 5xx. An unknown
    one is not sent again: its session would make the second a duplicate of the first."""

    def __init__(self, port, codes, dice, name, threads=2, pause=0.05):
        """`name`: no two clickers of one may exist. `pause`: seconds between two clicks of a thread."""
        self.port, self.codes, self.dice, self.name, self.pause = port, list(codes), dice, name, pause
        self.lock, self.ended = threading.Lock(), threading.Event()
        self.number, self.accepted, self.refused, self.unanswered = 0, {}, [], set()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def finish(self, seconds=30):
        """Sends no more, and waits for the answers that are on their way."""
        self.ended.set()
        end = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(timeout=max(0.0, end - time.monotonic()))
        if any(thread.is_alive() for thread in self.threads):
            raise RuntimeError("the clicker does not come to its end")

    def run(self):
        while not self.ended.wait(self.pause):
            with self.lock:
                number, code = self.number, self.dice.choice(self.codes)
                self.number += 1
            session = f"{self.name}-{number}"
            status, body = self.post(session, code, address(number))
            with self.lock:
                self.note(session, status, body)

    def note(self, session, status, body):
        if status == 200:
            data = json.loads(body)["data"]
            if data["status"] == "valid" and data["clickId"] not in self.accepted:
                self.accepted[data["clickId"]] = session
            else:
                self.refused.append((session, data))
        elif status is None or status >= 500:
            self.unanswered.add(session)
        else:
            self.refused.append((session, status, body[:300]))

    def post(self, session, code, client):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("POST", "/api/v1/tracking/click", json.dumps({"referralCode": code, "sessionId": session}), {
                "Content-Type": "application/json", "User-Agent": USER_AGENT, "X-Forwarded-For": client})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return None, b""
        finally:
            connection.close()

    def __str__(self):
        return f"{len(self.accepted)} clicks acknowledged, {len(self.unanswered)} without an answer"
