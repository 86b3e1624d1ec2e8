-- Lets the window of a sliding entry begin anew. Decided here, because the entry may have been replaced since it was read.
local found = redis.call('HMGET', key, 'absexp', 'sldexp')
if ticks(found[2]) then expire(span(found[1], found[2], now())) end
return 1
