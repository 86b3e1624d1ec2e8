-- ARGV: account, fence, due, attempts, then for each grant: key, epoch, '=' and the reason or '' for healthy, '=' and the
-- claims or '', since. A sign-out or a block lets the account go, so what is not held by anybody was superseded too.
local account, fence, at, attempts = unpack(ARGV, 1, 4)
local key = row(account)
local found = redis.call('HMGET', key, 'fence', 'leased')
if found[1] ~= fence or not found[2] then return 0 end
redis.call('HSET', key, 'due', at, 'attempts', attempts)
redis.call('HDEL', key, 'leased')
for i = 5, #ARGV, 5 do
  local grant, epoch, reason, claims, since = unpack(ARGV, i, i + 4)
  if redis.call('HGET', key, 'epoch:' .. grant) == epoch then
    redis.call('HDEL', key, 'reason:' .. grant, 'claims:' .. grant, 'since:' .. grant)
    if reason ~= '' then
      redis.call('HSET', key, 'reason:' .. grant, string.sub(reason, 2), 'since:' .. grant, since)
      if claims ~= '' then redis.call('HSET', key, 'claims:' .. grant, string.sub(claims, 2)) end
    end
  end
end
index(account)
return 1
