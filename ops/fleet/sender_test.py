import json
import random
import socket
import time
import unittest

import fleet  # noqa: F401  # makes ops/lib known
from private_servers import free_port
from scripted_server import ScriptedHandler, serve
from sender import Sender


class Shop(ScriptedHandler):
    """Answers each request by the next word of the server's script; the last one stays."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        script = self.server.script
        with self.server.lock:
            self.server.seen.append([event["id"] for event in events])
            word = script.pop(0) if len(script) > 1 else script[0]
        if word == "break":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        bad = {0} if word == "first is bad" else set()
        status = word if isinstance(word, int) else 202
        body = json.dumps({"data": {"results": [
            {"index": index, "status": 422 if index in bad else 202} for index in range(len(events))]}}).encode()
        self.answer(status, body)


class SenderTest(unittest.TestCase):
    def serve(self, *script, port=0):
        return serve(self, Shop, script, port)

    def send(self, server, batches=(("a", "b"),), gives_up=0.0):
        batches = [[{"id": name} for name in batch] for batch in batches]
        sender = Sender(server.server_address[1], "key", batches, random.Random(1), threads=2, gives_up=gives_up)
        sender.release(1)
        sender.finish(20)
        return sender

    @staticmethod
    def ids(events):
        return [event["id"] for event in events]

    def test_what_got_its_202_is_accepted_and_not_sent_again(self):
        server = self.serve(202)
        sender = self.send(server, [("a", "b"), ("c",)])
        self.assertEqual((sender.certain_ids, sender.unanswered, sender.refused), ({"a", "b", "c"}, [], []))
        self.assertEqual(sorted(server.seen), [["a", "b"], ["c"]])

    def test_a_broken_connection_is_tried_again_with_the_same_events(self):
        server = self.serve("break", 503, 202)
        sender = self.send(server)
        self.assertEqual((sender.certain_ids, sender.unanswered, sender.tries), ({"a", "b"}, [], 3))
        self.assertEqual(server.seen, [["a", "b"]] * 3)

    def test_who_gives_up_does_not_know(self):
        for word in ("break", 503):
            sender = self.send(self.serve(word), gives_up=1.0)
            self.assertEqual((self.ids(sender.unanswered), sender.accepted, sender.tries), (["a", "b"], [], 1))

    def test_a_refusal_is_told_and_final(self):
        sender = self.send(self.serve(422))
        self.assertEqual((sender.accepted, sender.unanswered, [status for status, _ in sender.refused]), ([], [], [422]))

    def test_a_202_may_refuse_one_of_its_events(self):
        sender = self.send(self.serve("first is bad"))
        self.assertEqual((self.ids(sender.accepted), len(sender.refused)), (["b"], 1))

    def test_without_a_connection_nothing_was_sent(self):
        port = free_port()
        sender = Sender(port, "key", [[{"id": "a"}]], random.Random(1), threads=1, gives_up=1.0)
        sender.release(1)
        while sender.tries < 2:
            time.sleep(0.01)
        self.serve(202, port=port)
        sender.finish(20)
        self.assertEqual((sender.certain_ids, sender.unanswered), ({"a"}, []))

    def test_only_what_is_released_is_sent(self):
        server = self.serve(202)
        batches = [[{"id": str(number)}] for number in range(10)]
        sender = Sender(server.server_address[1], "key", batches, random.Random(1), threads=2)
        part = sender.between(0.2, 0.6)
        part.release(0.5)
        with sender.lock:
            self.assertEqual(sender.released, 4)
        with self.assertRaises(RuntimeError):
            sender.finish(0.2)
        self.assertLessEqual(len(server.seen), 4)
        sender.release(1)
        sender.finish(20)
        self.assertEqual(len(sender.certain_ids), 10)


if __name__ == "__main__":
    unittest.main()
