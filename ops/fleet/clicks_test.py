import json
import random
import threading
import unittest

from clicks import CLICKS_OF_ADDRESS, Clicker, address
from scripted_server import ScriptedHandler, serve


class Ingest(ScriptedHandler):
    """Answers each click by the next word of the server's script; the last one stays."""

    def do_POST(self):
        click = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.seen.append((click["sessionId"], self.headers["X-Forwarded-For"]))
            script = self.server.script
            word = script.pop(0) if len(script) > 1 else script[0]
        if word == "break":
            return
        status = word if isinstance(word, int) else 200
        body = json.dumps({"data": {"clickId": f"click-{click['sessionId']}", "status": word}}).encode()
        self.answer(status, body)


class ClickerTest(unittest.TestCase):
    def click(self, *script, least):
        """A clicker that has sent at least so many to an ingest of that script."""
        server = serve(self, Ingest, script)
        clicker = Clicker(server.server_address[1], ["A", "B"], random.Random(1), "run", threads=2, pause=0.001)
        while len(server.seen) < least:
            threading.Event().wait(0.005)
        clicker.finish()
        return clicker, server

    def test_each_acknowledged_click_is_kept_with_its_session(self):
        clicker, server = self.click("valid", least=60)
        sessions = [session for session, _ in server.seen]
        self.assertEqual(len(set(sessions)), len(sessions))
        self.assertEqual(clicker.accepted, {f"click-{session}": session for session in sessions})
        self.assertFalse(clicker.refused or clicker.unanswered)
        self.assertGreater(len({client for _, client in server.seen}), 1)

    def test_an_answer_that_does_not_come_and_a_5xx_leave_it_open(self):
        clicker, _ = self.click("break", 503, "valid", least=5)
        self.assertEqual(len(clicker.unanswered), 2)
        self.assertFalse(clicker.refused)

    def test_a_click_that_is_limited_or_filtered_is_noted(self):
        clicker, _ = self.click(429, "duplicate", "bot", "valid", least=6)
        self.assertEqual(len(clicker.refused), 3)
        self.assertFalse(clicker.unanswered)

    def test_no_address_reaches_its_limit(self):
        addresses = [address(number) for number in range(20_000)]
        self.assertEqual(max(addresses.count(one) for one in set(addresses)), CLICKS_OF_ADDRESS)


if __name__ == "__main__":
    unittest.main()
