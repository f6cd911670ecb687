import json
import smtplib
import subprocess
import sys
import tempfile
import time
import unittest
from email.message import EmailMessage
from pathlib import Path


class Mailbox(unittest.TestCase):
    def test_a_mail_is_kept_with_its_subject(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder)
            process = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("mailbox.py"), "--journal", path / "mail", "--ready-file",
                 path / "ready"], stdout=subprocess.DEVNULL)
            try:
                limit = time.monotonic() + 10
                while not (path / "ready").exists():
                    self.assertLess(time.monotonic(), limit)
                    time.sleep(0.01)
                message = EmailMessage()
                message["Subject"], message["From"], message["To"] = "Größe", "a@example.com", "b@example.com"
                message.set_content(".dots\n..stay\n")
                with smtplib.SMTP("127.0.0.1", json.loads((path / "ready").read_text())["port"]) as client:
                    client.send_message(message)
                (kept,) = [json.loads(line) for line in (path / "mail").read_text().splitlines()]
            finally:
                process.terminate()
                process.wait()
        self.assertEqual((kept["subject"], kept["to"]), ("Größe", ["b@example.com"]))
        self.assertIn("\r\n.dots\r\n..stay\r\n", kept["message"])


if __name__ == "__main__":
    unittest.main()
