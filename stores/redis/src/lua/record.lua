-- ARGV: account, tenant, '=' and the user name or '', key and kind of the grant, time, generation or '' for a later use,
-- end of the entry or ''. Returns 0 signed out, 1 done, 2 done and the account is new.
local account, tenant, username, grant, kind, at, sign_in, expires = unpack(ARGV)
local key = row(account)
local found = redis.call('HMGET', key, 'generation', 'revoked', 'activity', 'leased')
local signs_in, is_new = sign_in ~= '', not found[1]
if signs_in then
  if sign_in ~= (found[1] or '0') then return 0 end
elseif found[2] then
  return 0
end
if is_new then
  redis.call('HSET', key, 'username', '', 'activity', at, 'due', at, 'fence', 0, 'generation', 0, 'sign_ins', 0,
    'attempts', 0)
elseif tonumber(at) > tonumber(found[3]) then
  redis.call('HSET', key, 'activity', at)
end
if username ~= '' then redis.call('HSET', key, 'username', string.sub(username, 2)) end
if signs_in or is_new then
  redis.call('HSET', key, 'tenant', tenant)
  redis.call('HINCRBY', key, 'sign_ins', 1)
end
if signs_in then
  redis.call('HDEL', key, 'revoked')
  if not is_held(found[4], at) then redis.call('HSET', key, 'due', at) end
end

local owner = redis.call('HGET', owners, grant)
local mine = owner == account
if mine or signs_in or not owner then
  local old = owner and redis.call('HMGET', row(owner), 'epoch:' .. grant, 'activity:' .. grant) or {}
  if signs_in or not owner then
    -- A key that named another account has a new owner: the entry was replaced by this sign-in.
    if owner then forget(owner, grant) end
    if owner and not mine then index(owner) end
    local epoch = math.max(tonumber(redis.call('HGET', key, 'sign_ins')), tonumber(old[1] or 0) + 1)
    redis.call('HSET', owners, grant, account)
    redis.call('HSET', key, 'kind:' .. grant, kind, 'epoch:' .. grant, whole(epoch))
  end
  local activity = at
  if mine and old[2] and tonumber(old[2]) > tonumber(at) then activity = old[2] end
  redis.call('HSET', key, 'activity:' .. grant, activity)
  if expires ~= '' then set_end(account, grant, expires) end
end
if signs_in or is_new or not owner then index(account) end
return is_new and 2 or 1
