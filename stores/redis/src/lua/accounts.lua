-- KEYS[1]: what all keys of one client begin with. docs.md has the layout. Times are the callers', in milliseconds.
local base = KEYS[1]
local owners, ends = base .. 'owners', base .. 'ends'
local due, claimed, empty, revoked = base .. 'due', base .. 'claimed', base .. 'empty', base .. 'revoked'

local function row(account)
  return base .. 'account:' .. account
end

local function whole(number)
  return string.format('%.0f', number)
end

local function is_held(leased, now)
  return leased and tonumber(leased) > tonumber(now)
end

local function forget(account, grant)
  redis.call('HDEL', row(account), 'kind:' .. grant, 'epoch:' .. grant, 'activity:' .. grant, 'expires:' .. grant,
    'reason:' .. grant, 'claims:' .. grant, 'since:' .. grant)
  redis.call('HDEL', owners, grant)
  redis.call('ZREM', ends, grant)
end

local function set_end(account, grant, at)
  redis.call('HSET', row(account), 'expires:' .. grant, at)
  redis.call('ZADD', ends, at, grant)
end

-- A place in a sorted set, or none.
local function place(set, score, account)
  if score then redis.call('ZADD', set, score, account) else redis.call('ZREM', set, account) end
end

-- Puts an account into the sets in which it is looked for.
local function index(account)
  local fields, at = redis.call('HGETALL', row(account)), {}
  for i = 1, #fields, 2 do at[fields[i]] = fields[i + 1] end
  local grants, acting, healthy = false, false, false
  for name, kind in pairs(at) do
    if string.sub(name, 1, 5) == 'kind:' then
      grants = true
      if kind ~= 'assertion' then
        acting = true
        healthy = healthy or not at['reason:' .. string.sub(name, 6)]
      end
    end
  end
  local out, blocked = at.revoked, at.blocked
  local claimable = healthy and not out and not blocked
  redis.call('ZADD', base .. 'accounts', 0, account)
  -- A sweep takes no blocked account: unblocked, it stands here again.
  place(revoked, not blocked and out, account)
  place(due, claimable and at.due, account)
  place(claimed, claimable and (at.claimed or '-inf'), account)
  place(empty, not grants and not out and not blocked and at.generation == '0' and (at.leased or '-inf'), account)
  redis.call(acting and not out and 'SADD' or 'SREM', base .. 'acting', account)
end
