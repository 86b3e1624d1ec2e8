-- ARGV: owner, fence, milliseconds, and the outcome if there is one.
local found = redis.call('HMGET', KEYS[1], 'owner', 'fence')
if found[1] ~= ARGV[1] or found[2] ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], 'owner')
if ARGV[4] then redis.call('HSET', KEYS[1], 'outcome', ARGV[4]) end
-- The fence stays a while, so that the next one is beyond it also if the server's clock is set back.
return redis.call('PEXPIRE', KEYS[1], ARGV[3])
