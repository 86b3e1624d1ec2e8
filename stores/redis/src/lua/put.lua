-- ARGV: channel, text of the key, version to replace or '' for none, id of this write, absexp, sldexp, data.
-- Returns the version written, or nil when the condition does not hold.
local channel, name, expected, id, absexp, sldexp, data = unpack(ARGV)
local written = version(id, data)
local time = now()
local found = read(time)
local current = found and version(found[4], found[3]) or ''
-- This very write, sent again because its answer was lost.
if current == written then return written end
if current ~= expected then return false end
redis.call('HSET', key, 'absexp', absexp, 'sldexp', sldexp, 'data', data, 'version', id)
local left = span(absexp, sldexp, time)
if left then expire(left) else redis.call('PERSIST', key) end
redis.call('PUBLISH', channel, 'w' .. written .. ' ' .. name)
return written
