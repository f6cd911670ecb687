"""Tests of the demonstration that need no fleet."""
import argparse
import contextlib
import io
import pathlib
import tempfile
import unittest

import play


class PlayTest(unittest.TestCase):
    def played(self, partners):
        with tempfile.TemporaryDirectory() as folder:
            inspector = pathlib.Path(folder, "tributary")
            inspector.write_text(f"#!/bin/sh\necho '{{\"partners\": [{partners}]}}'\n")
            inspector.chmod(0o755)
            demonstration = play.Demonstration(argparse.Namespace(tributary=str(inspector)))
            chapters = []
            demonstration.prepare = lambda: chapters.append("prepare")
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                code = demonstration.play() if demonstration.was_played() else None
            return code, said.getvalue(), chapters

    def test_data_that_was_played_on_is_left_alone_with_what_to_do(self):
        code, said, chapters = self.played('{"referralCode": "GOLD001"}, {"referralCode": "PARTNER001"}')
        self.assertEqual(code, play.PLAYED_ALREADY)
        self.assertIn("./ops/run, without --keep", said)
        self.assertEqual(chapters, [])

    def test_other_data_is_played_on(self):
        code, _, _ = self.played('{"referralCode": "OTHER"}')
        self.assertIsNone(code)


if __name__ == "__main__":
    unittest.main()
