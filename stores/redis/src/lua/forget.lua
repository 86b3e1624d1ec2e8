-- ARGV: key of the grant.
local account = redis.call('HGET', owners, ARGV[1])
if account then
  forget(account, ARGV[1])
  index(account)
end
return 1
