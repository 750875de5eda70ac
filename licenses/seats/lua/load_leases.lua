-- Teaches the gate the live leases, when PostgreSQL found a licence full that the gate thought was not.
--
-- KEYS as in acquire_seat.lua
-- ARGV lease length in ms, the refused caller's reservation ('' if nobody was refused, or it is counted elsewhere),
--      then for each live lease: machine, owner, when it runs out (Unix ms)
-- Returns the number of machines the gate knows now
--
-- Example: Redis restarted empty; 3 seats are leased. D passes the gate, PostgreSQL refuses it, the three are loaded:
-- the next caller is refused here. D's own refusal is counted now, since the gate could not. A lease that the gate knows already is left as it is: its news is newer.
-- None is kept for longer than one lease from now (refresh_heartbeat.lua says why).
local leases, owners, lease_ms = KEYS[1], KEYS[2], tonumber(ARGV[1])
local time = redis.call('TIME')
local latest = time[1] * 1000 + math.floor(time[2] / 1000) + lease_ms
for i = 3, #ARGV, 3 do
  if redis.call('ZADD', leases, 'NX', math.min(tonumber(ARGV[i + 2]), latest), ARGV[i]) == 1 then
    redis.call('HSET', owners, ARGV[i], ARGV[i + 1])
  end
end
redis.call('PEXPIRE', leases, lease_ms * 2)
redis.call('PEXPIRE', owners, lease_ms * 2)
local reservation = ARGV[2]
if reservation ~= '' and redis.call('HINCRBY', KEYS[3], math.floor(redis.call('TIME')[1] / 86400), 1) == 1 then
  redis.call('HSETNX', KEYS[3], 'source', reservation)
  redis.call('EXPIRE', KEYS[3], 777600)
end
return redis.call('ZCARD', leases)
