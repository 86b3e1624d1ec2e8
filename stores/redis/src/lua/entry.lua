-- KEYS[1]: the HASH of an entry. Times are milliseconds of this server's clock; absexp and sldexp are .NET ticks.
local key = KEYS[1]

local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function ticks(text)
  local ticks = text and tonumber(text)
  if ticks and ticks > 0 then return ticks / 10000 end
end

-- How long an entry with these fields lives from now on, or nil for ever.
local function span(absexp, sldexp, now)
  local absolute, sliding = ticks(absexp), ticks(sldexp)
  local left = absolute and absolute - 62135596800000 - now
  if left and sliding then return math.min(left, sliding) end
  return left or sliding
end

-- absexp, sldexp, data, version of the entry if it is live. .NET lets a sliding entry be read once more after its
-- absolute end; here it is over.
local function read(now)
  local found = redis.call('HMGET', key, 'absexp', 'sldexp', 'data', 'version')
  if not found[3] then return nil end
  if ticks(found[2]) and (span(found[1], found[2], now) or 0) <= 0 then return nil end
  return found
end

local function version(id, data)
  return (id or '') .. ':' .. redis.sha1hex(data)
end

-- No expiry is longer than a century: the server refuses times beyond its integers.
local function expire(left)
  if left <= 0 then
    redis.call('DEL', key)
  else
    redis.call('PEXPIRE', key, string.format('%.0f', math.min(math.ceil(left), 3155760000000)))
  end
end
