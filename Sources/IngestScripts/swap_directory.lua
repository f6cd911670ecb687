#!lua
-- Makes a version of the directory the one that counts, unless a newer one does already: a publisher that stood still must
-- not bring back what has been revoked since.
-- KEYS  the pointer, the chunks of the version it names now
-- ARGV  version, the pointer's new value, ms for which the former chunks stay (somebody may be reading them)
-- Returns 1 when it was swapped, 0 when a newer version counts. O(number of chunks)
local call = redis.call
local current = call('GET', KEYS[1])
if current and tonumber(cjson.decode(current).version) >= tonumber(ARGV[1]) then return 0 end
call('SET', KEYS[1], ARGV[2])
for index = 2, #KEYS do call('PEXPIRE', KEYS[index], ARGV[3]) end
return 1
