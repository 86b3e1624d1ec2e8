-- ARGV: account, fence, now, end of the lease.
local account, fence, now, til = unpack(ARGV)
local found = redis.call('HMGET', row(account), 'fence', 'leased')
if found[1] ~= fence or not is_held(found[2], now) then return 0 end
redis.call('HSET', row(account), 'due', til, 'leased', til)
redis.call('ZADD', due, 'XX', til, account)
redis.call('ZADD', empty, 'XX', til, account)
return 1
