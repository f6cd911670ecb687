import unittest

from replicated_redis import slot_of


class Slots(unittest.TestCase):
    def test_a_tag_has_the_slot_of_the_redis_documentation(self):
        self.assertEqual(slot_of("123456789"), 0x31C3)
        self.assertEqual([slot_of("foo"), slot_of("bar")], [12182, 5061])


if __name__ == "__main__":
    unittest.main()
