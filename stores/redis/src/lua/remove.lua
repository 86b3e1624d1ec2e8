-- ARGV: channel, text of the key, version or '' for whatever is there. Returns 0 absent, 1 conflict, 2 removed.
local channel, name, expected = unpack(ARGV)
local found = read(now())
if not found then
  redis.call('DEL', key)
  return 0
end
if expected ~= '' and expected ~= version(found[4], found[3]) then return 1 end
redis.call('DEL', key)
redis.call('PUBLISH', channel, 'r ' .. name)
return 2
