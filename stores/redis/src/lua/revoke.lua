-- ARGV: account, time. Nobody holds the account afterwards. Returns its fields.
local account, at = unpack(ARGV)
local key = row(account)
if redis.call('EXISTS', key) == 0 then
  redis.call('HSET', key, 'tenant', '', 'username', '', 'activity', at, 'due', at, 'fence', 0, 'sign_ins', 0,
    'attempts', 0)
end
redis.call('HINCRBY', key, 'generation', 1)
redis.call('HSET', key, 'revoked', at)
redis.call('HDEL', key, 'leased')
index(account)
return redis.call('HGETALL', key)
