import json
import types
import unittest

from prober import Prober
from scripted_server import ScriptedHandler, serve


class Handler(ScriptedHandler):
    """Answers each event by what its id asks for."""

    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))[0]
        if event["id"].startswith("good"):
            self.answer(202, b'{"data":{}}')
        else:
            self.answer(503, b'{"error":{"code":"store_unavailable"}}')


class Probes(unittest.TestCase):
    def test_each_answer_counts_for_the_judgement(self):
        server = serve(self, Handler, [])
        fleet = types.SimpleNamespace(ingest_port=server.server_address[1])
        prober = Prober(fleet, "key", [{"id": name} for name in ("good-1", "bad-1", "good-2", "later")])
        answers = [(status, code) for status, _, code in prober.probe(3)]
        self.assertEqual(answers, [(202, None), (503, "store_unavailable"), (202, None)])
        self.assertEqual(prober.sender.certain_ids, {"good-1", "good-2"})
        self.assertEqual([event["id"] for event in prober.sender.unanswered], ["bad-1"])
        self.assertEqual([event["id"] for event in prober.events], ["later"])


if __name__ == "__main__":
    unittest.main()
