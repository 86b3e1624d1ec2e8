-- KEYS[1]: the HASH of a lease. ARGV: owner, milliseconds. Returns 1 or 0 for held or busy, and the fence.
local owner, span = unpack(ARGV)
local found = redis.call('HMGET', KEYS[1], 'owner', 'fence')
local mine = found[1] == owner
if found[1] and not mine then return {0, found[2]} end
local fence = found[2]
-- An asker whose answer was lost asks again under the same name, and holds what it held.
if not mine then
  -- The time, so that it is beyond the fences of a lease that nobody remembers.
  local time = redis.call('TIME')
  local next = tonumber(time[1]) * 1000000 + tonumber(time[2])
  fence = string.format('%.0f', math.max(next, tonumber(found[2] or 0) + 1))
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'owner', owner, 'fence', fence)
redis.call('PEXPIRE', KEYS[1], span)
return {1, fence}
