import pathlib
import tempfile
import time
import unittest

from fleet import START_AGAIN, Fleet


class Supervision(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.fleet = Fleet(pathlib.Path(folder.name), "nowhere")
        self.addCleanup(self.fleet.stop)

    def run_to_its_end(self, command):
        self.fleet.start("worker", ["sh", "-c", command])
        self.fleet.processes["worker"].wait()

    def test_who_runs_is_left_alone(self):
        self.fleet.start("worker", ["sleep", "60"])
        process = self.fleet.processes["worker"]
        self.assertEqual(self.fleet.supervise(), [])
        self.assertIs(self.fleet.processes["worker"], process)

    def test_who_lost_its_store_at_the_start_is_started_again(self):
        self.run_to_its_end(f"exit {START_AGAIN}")
        first = self.fleet.processes["worker"].pid
        self.assertEqual(self.fleet.supervise(), ["worker"])
        self.assertNotEqual(self.fleet.processes["worker"].pid, first)

    def test_any_other_end_by_itself_is_an_error(self):
        for command in ("exit 0", "exit 1", "kill -TRAP $$"):
            self.run_to_its_end(command)
            with self.assertRaisesRegex(RuntimeError, "worker ended by itself"):
                self.fleet.supervise()

    def test_a_frozen_process_stands_still_until_it_may_go_on(self):
        self.fleet.start("worker", ["sh", "-c", "while :; do :; done"])
        self.fleet.freeze("worker")
        used = self.used()
        time.sleep(0.05)
        self.assertEqual(self.used(), used)

    def used(self):
        return pathlib.Path(f"/proc/{self.fleet.processes['worker'].pid}/stat").read_text().rpartition(")")[2].split()[11:13]


if __name__ == "__main__":
    unittest.main()
