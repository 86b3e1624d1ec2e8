-- ARGV: now, end of the lease, activity must be before, start of the pass or '', '=' and the user name in lower case or
-- '', limit. Returns id and fields of each account.
local now, til, idle_before, pass, username, limit = unpack(ARGV)
local set, up_to = due, now
if pass ~= '' then set, up_to = claimed, '(' .. pass end
local page, offset, found = 500, 0, {}
limit = tonumber(limit)
while #found < limit do
  local ids = redis.call('ZRANGEBYSCORE', set, '-inf', up_to, 'LIMIT', offset, page)
  for _, id in ipairs(ids) do
    local at = redis.call('HMGET', row(id), 'activity', 'leased', 'username')
    if at[1] and tonumber(at[1]) < tonumber(idle_before) and not is_held(at[2], now)
      and (username == '' or '=' .. string.lower(at[3]) == username) then
      found[#found + 1] = {id, tonumber(at[1])}
    end
  end
  if #ids < page then break end
  offset = offset + page
end
table.sort(found, function(a, b) return a[2] < b[2] or (a[2] == b[2] and a[1] < b[1]) end)
local claims = {}
for i = 1, math.min(limit, #found) do
  local id = found[i][1]
  redis.call('HSET', row(id), 'due', til, 'leased', til, 'claimed', now)
  redis.call('HINCRBY', row(id), 'fence', 1)
  redis.call('ZADD', due, til, id)
  redis.call('ZADD', claimed, now, id)
  claims[i] = {id, redis.call('HGETALL', row(id))}
end
return claims
