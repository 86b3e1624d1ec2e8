-- ARGV: account, time from which it is due. Returns whether it was blocked.
local account, at = unpack(ARGV)
if redis.call('HDEL', row(account), 'blocked') == 0 then return 0 end
redis.call('HSET', row(account), 'due', at)
index(account)
return 1
