#!lua flags=no-writes
--@include common
-- Whether somebody asks for a feed.
-- KEYS  the key that asks for it
-- Returns for how many ms still; negative for nobody. O(1)
return call('PTTL', KEYS[1])
