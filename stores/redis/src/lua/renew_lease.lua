-- ARGV: owner, fence, milliseconds.
local found = redis.call('HMGET', KEYS[1], 'owner', 'fence')
if found[1] ~= ARGV[1] or found[2] ~= ARGV[2] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[3])
