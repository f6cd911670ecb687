"""Tests of how processes are ended; the folder's tests are run with this folder in the path."""
import pathlib
import tempfile
import unittest

import processes


class ProcessesTests(unittest.TestCase):
    def test_what_a_process_has_started_ends_with_it(self):
        with tempfile.TemporaryDirectory() as folder:
            with processes.Processes(folder) as group:
                parent = group.start("parent", ["sh", "-c", "sleep 1000 & echo $!; wait"])
                processes.wait(lambda: parent.output.read_text().endswith("\n"), "the child")
                child = pathlib.Path(f"/proc/{int(parent.output.read_text())}")
                self.assertTrue(child.exists())
            processes.wait(lambda: not child.exists() or "\nState:\tZ" in (child / "status").read_text(), "the child's end", 5)

    def test_a_process_that_has_ended_by_itself_is_no_error(self):
        with tempfile.TemporaryDirectory() as folder, processes.Processes(folder) as group:
            self.assertEqual(group.start("true", ["true"]).wait(), 0)


if __name__ == "__main__":
    unittest.main()
