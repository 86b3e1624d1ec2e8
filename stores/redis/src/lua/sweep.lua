-- ARGV: tombstones from before, now, limit. Grants first, so that the accounts they leave empty go too.
local before, now, limit = unpack(ARGV)
limit = tonumber(limit)
local swept = 0

local function remove(account)
  redis.call('DEL', row(account))
  for _, set in ipairs({due, claimed, empty, revoked, base .. 'accounts'}) do redis.call('ZREM', set, account) end
  redis.call('SREM', base .. 'acting', account)
  swept = swept + 1
end

for _, grant in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', '(' .. now, 'LIMIT', 0, limit)) do
  local account = redis.call('HGET', owners, grant)
  if account then
    forget(account, grant)
    index(account)
  else
    redis.call('ZREM', ends, grant)
  end
  swept = swept + 1
end
for _, account in ipairs(redis.call('ZRANGEBYSCORE', revoked, '-inf', '(' .. before, 'LIMIT', 0, limit)) do
  for _, name in ipairs(redis.call('HKEYS', row(account))) do
    if swept < limit and string.sub(name, 1, 5) == 'kind:' then
      forget(account, string.sub(name, 6))
      swept = swept + 1
    end
  end
  if swept >= limit then break end
  remove(account)
end
if swept < limit then
  for _, account in ipairs(redis.call('ZRANGEBYSCORE', empty, '-inf', now, 'LIMIT', 0, limit - swept)) do
    remove(account)
  end
end
return swept
