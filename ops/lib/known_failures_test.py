import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def rows():
    """{number: names of its tests} of the table in docs/queue.md."""
    text = (ROOT / "docs/queue.md").read_text()
    section = text.split("## Known failures of others")[1].split("\n## ")[0]
    found = re.findall(r"^\| (\d+) \|.*\| ([^|]+) \|$", section, re.MULTILINE)
    return {int(number): re.findall(r"`([^`]+)`", names) for number, names in found}


class KnownFailuresTests(unittest.TestCase):
    def setUp(self):
        self.source = "\n".join(file.read_text() for file in (ROOT / "Tests").rglob("*Tests.swift"))

    def test_each_failure_of_the_table_names_tests_that_are_there(self):
        self.assertEqual(sorted(rows()), list(range(1, 23)))
        for number, names in rows().items():
            self.assertTrue(names, f"failure {number} names no test")
            for name in names:
                self.assertTrue(f"func {name}(" in self.source or f"func `{name}`(" in self.source, name)

    def test_a_test_of_each_failure_says_so_in_its_name(self):
        named = set()
        for numbers in re.findall(r"known failures? ([\d and]+):", self.source):
            named |= {int(number) for number in re.findall(r"\d+", numbers)}
        self.assertEqual(named, set(range(1, 23)))


if __name__ == "__main__":
    unittest.main()
