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


def numbers_in(title):
    """The failures that a test's title names: `known failure 4: …`, `known failures 2 and 5: …`."""
    named = re.match(r"known failures? ([\d and]+):", title)
    return {int(number) for number in re.findall(r"\d+", named.group(1))} if named else set()


def title_of(name, source):
    """What stands in the `@Test` of a function, or its own name; nothing when it is not there."""
    found = re.search(rf"func (?:{re.escape(name)}|`{re.escape(name)}`)\(", source)
    if not found:
        return None
    # Nothing stands between a function and its attributes but other attributes and comments.
    before = source[: found.start()].rsplit("\n\n", 1)[-1].rsplit("\n    }\n", 1)[-1]
    given = re.findall(r'@Test\(\s*"([^"]*)"', before)
    return given[-1] if given else name


class KnownFailuresTests(unittest.TestCase):
    def setUp(self):
        self.source = "\n".join(file.read_text() for file in (ROOT / "Tests").rglob("*Tests.swift"))

    def test_each_failure_of_the_table_names_tests_that_are_there(self):
        self.assertEqual(sorted(rows()), list(range(1, 23)))
        for number, names in rows().items():
            self.assertTrue(names, f"failure {number} names no test")
            for name in names:
                self.assertIsNotNone(title_of(name, self.source), name)

    def test_each_test_of_the_table_says_its_failure_in_its_title(self):
        for number, names in rows().items():
            for name in names:
                title = title_of(name, self.source)
                self.assertIn(number, numbers_in(title), f"{name} is titled {title!r}")

    def test_each_title_that_names_a_failure_is_one_of_the_table(self):
        titles = re.findall(r'@Test\(\s*"(known failures? [^"]*)"', self.source)
        titles += re.findall(r"func `(known failures? [^`]*)`\(", self.source)
        self.assertEqual(set().union(*map(numbers_in, titles)), set(range(1, 23)))


if __name__ == "__main__":
    unittest.main()
