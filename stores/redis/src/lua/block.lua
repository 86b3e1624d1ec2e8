-- ARGV: account, time. Nobody holds the account afterwards.
local account, at = unpack(ARGV)
local key = row(account)
if redis.call('EXISTS', key) == 0 then
  redis.call('HSET', key, 'tenant', '', 'username', '', 'activity', at, 'due', at, 'fence', 0, 'generation', 0,
    'sign_ins', 0, 'attempts', 0)
end
redis.call('HSETNX', key, 'blocked', at)
redis.call('HDEL', key, 'leased')
index(account)
return 1
