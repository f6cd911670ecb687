import base64
import hashlib
import hmac
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import verification

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_" + base64.b64encode(b"another secret of 24 byt").decode()


def signed_headers(body, secret=SECRET, identifier="msg_1", timestamp=None):
    timestamp = str(int(time.time()) if timestamp is None else timestamp)
    key = verification.key_of(secret)
    mac = hmac.new(key, f"{identifier}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {"webhook-id": identifier, "webhook-timestamp": timestamp,
            "webhook-signature": "v1," + base64.b64encode(mac).decode(),
            "x-webhook-signature": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()}


class Verification(unittest.TestCase):
    def test_both_verifiers_agree(self):
        verifiers = [verification.OwnVerifier(SECRET)]
        if verification.Webhook is not None:
            verifiers.append(verification.LibraryVerifier(SECRET))
        body = b'{"test":2432232314}'
        good = signed_headers(body)
        bad = [
            {**good, "webhook-id": "msg_2"},
            {**good, "webhook-signature": "v1,AAAA"},
            {name: value for name, value in good.items() if name != "webhook-timestamp"},
            signed_headers(body, timestamp=int(time.time()) - 301),
            signed_headers(body, timestamp=int(time.time()) + 310),
            signed_headers(body, secret=OTHER_SECRET),
        ]
        rotated = {**good, "webhook-signature": "v1,AAAA " + good["webhook-signature"]}
        for verifier in verifiers:
            verifier.verify(body, good)
            verifier.verify(body, rotated)
            for headers in bad:
                with self.assertRaises(verification.Refused):
                    verifier.verify(body, headers)

    def test_the_published_vector(self):
        key = verification.key_of(SECRET)
        signed = b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'
        self.assertEqual(base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()),
                         b"g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")


class Receiving(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = Path(self.folder.name)
        self.set_endpoints({"/a": {"secrets": [SECRET]}, "/flaky": {"secrets": [SECRET], "failEach": 2},
                            "/first": {"secrets": [SECRET], "failTimes": 1, "failStatus": 503,
                                       "headers": {"Retry-After": "7"}},
                            "/slow": {"secrets": [SECRET], "delayMs": 80}, "/reset": {"secrets": [SECRET], "reset": True}})
        program = Path(__file__).with_name("receiver.py")
        self.process = subprocess.Popen(
            [sys.executable, program, "--endpoints", self.path / "endpoints.json", "--journal", self.path / "journal",
             "--ready-file", self.path / "ready"], stdout=subprocess.DEVNULL)
        self.addCleanup(self.stop)
        self.wait_for(lambda: (self.path / "ready").exists())
        port = json.loads((self.path / "ready").read_text())["port"]
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.connection.close()

    def set_endpoints(self, endpoints):
        new = self.path / "endpoints.new"
        new.write_text(json.dumps(endpoints))
        os.rename(new, self.path / "endpoints.json")

    def wait_for(self, condition):
        limit = time.monotonic() + 10
        while not condition():
            self.assertLess(time.monotonic(), limit)
            time.sleep(0.01)

    def post(self, path, body=b"{}", **options):
        self.connection.request("POST", path, body, signed_headers(body, **options))
        answer = self.connection.getresponse()
        answer.read()
        return answer

    def journal(self):
        return [json.loads(line) for line in (self.path / "journal").read_text().splitlines()]

    def test_what_verifies_is_written_down_as_such(self):
        self.assertEqual(self.post("/a", b'{"a":1}').status, 200)
        self.assertEqual(self.post("/a", b'{"a":1}', secret=OTHER_SECRET).status, 401)
        self.assertEqual(self.post("/nowhere").status, 404)
        good, bad, unknown = self.journal()
        self.assertTrue(good["verified"] and good["bodySignature"])
        self.assertEqual((good["id"], good["sha256"], good["attempt"]),
                         ("msg_1", hashlib.sha256(b'{"a":1}').hexdigest(), 1))
        self.assertEqual((bad["verified"], bad["attempt"]), (False, 2))
        self.assertEqual(unknown["reason"], "unknown path")

    def test_scripted_failures(self):
        self.assertEqual([self.post("/flaky").status for _ in range(3)], [500, 500, 200])
        self.assertEqual(self.post("/flaky", identifier="msg_2").status, 500)
        answer = self.post("/first")
        self.assertEqual((answer.status, answer.headers["Retry-After"]), (503, "7"))
        self.assertEqual(self.post("/first").status, 200)
        begun = time.monotonic()
        self.assertEqual(self.post("/slow").status, 200)
        self.assertGreaterEqual(time.monotonic() - begun, 0.08)
        with self.assertRaises(OSError):
            self.post("/reset")

    def test_the_endpoints_are_read_again_when_they_change(self):
        self.set_endpoints({"/a": {"secrets": [OTHER_SECRET, SECRET]}, "/b": {"secrets": [SECRET], "status": 204}})
        # At once: a delivery may come right after its endpoint was written.
        self.assertEqual(self.post("/b").status, 204)
        self.assertEqual(self.post("/a", secret=OTHER_SECRET).status, 200)
        self.assertEqual(self.post("/a").status, 200)

    def test_a_new_secret_counts_at_once_and_an_old_one_no_longer(self):
        self.set_endpoints({"/a": {"secrets": [OTHER_SECRET]}})
        self.assertEqual(self.post("/a", secret=OTHER_SECRET).status, 200)
        self.assertEqual(self.post("/a").status, 401)

    def test_a_chat_signs_nothing(self):
        self.set_endpoints({"/chat": {"unsigned": True}})
        self.wait_for(lambda: self.post("/chat", secret=OTHER_SECRET).status == 200)

    def test_counts(self):
        self.post("/a")
        self.connection.request("GET", "/stats")
        stats = json.loads(self.connection.getresponse().read())
        self.assertEqual((stats["received"], stats["verified"], stats["distinctIds"]), (1, 1, 1))


if __name__ == "__main__":
    unittest.main()
