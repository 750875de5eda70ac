-- Reserves a seat in the gate, or says that none is free.
--
-- KEYS[1] seats:{<licence id>}:leases   sorted set: machine -> when its lease runs out (Unix ms)
-- KEYS[2] seats:{<licence id>}:owners   hash: machine -> who holds it, "<session id>:<lease no>" or a reservation
-- KEYS[3] seats:{<licence id>}:denials  hash: UTC day (number since 1970) -> refusals, "source" -> its own name
-- ARGV    machine, limit, reservation, lease length in ms, 1 if "full" is what the caller is told (a denial), else 0
-- Returns {"own", n, 0}        the machine is in the set of n: it passes, PostgreSQL decides
--         {"reserved", n, 0}   it was added under the reservation, for one lease from now; n with it
--         {"full", n, ms}      n machines, as many as the limit or more; ms until the first of them runs out
--
-- Example: limit 2, set {A: +100 s, B: +200 s}. C asks -> {"full", 2, 100000}. A asks -> {"own", 2, 0}.
-- 100 s later C asks -> A's lease is over and is dropped, C is added -> {"reserved", 2, 0}.
-- C's refusal is counted: denials {20419: 1, source: "reservation:c"}, which go 9 days after a day's first refusal.
local leases, owners = KEYS[1], KEYS[2]
local machine, limit, reservation, lease_ms = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local lapsed = redis.call('ZRANGEBYSCORE', leases, '-inf', now)
for _, gone in ipairs(lapsed) do
  redis.call('ZREM', leases, gone)
  redis.call('HDEL', owners, gone)
end

local held = redis.call('ZCARD', leases)
if redis.call('ZSCORE', leases, machine) then
  return {'own', held, 0}
end
if held >= limit then
  if ARGV[5] == '1' and redis.call('HINCRBY', KEYS[3], math.floor(now / 86400000), 1) == 1 then
    -- A hash that was lost and begins anew has another name, so that nobody takes its count for the old one's.
    redis.call('HSETNX', KEYS[3], 'source', reservation)
    redis.call('EXPIRE', KEYS[3], 777600)
  end
  local first = redis.call('ZRANGE', leases, 0, 0, 'WITHSCORES')
  return {'full', held, first[2] and math.max(0, tonumber(first[2]) - now) or lease_ms}
end
redis.call('ZADD', leases, now + lease_ms, machine)
redis.call('HSET', owners, machine, reservation)
-- Both keys outlive the last lease and then go by themselves; an idle licence leaves nothing behind.
redis.call('PEXPIRE', leases, lease_ms * 2)
redis.call('PEXPIRE', owners, lease_ms * 2)
return {'reserved', held + 1, 0}
