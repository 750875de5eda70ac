-- Teaches the gate the live leases, when PostgreSQL found a licence full that the gate thought was not.
--
-- KEYS as in acquire_seat.lua
-- ARGV lease length in ms, then for each live lease: machine, owner, when it runs out (Unix ms)
-- Returns the number of machines the gate knows now
--
-- Example: Redis restarted empty; 3 seats are leased. D passes the gate, PostgreSQL refuses it, the three are loaded:
-- the next caller is refused here. A lease that the gate knows already is left as it is: its news is newer.
local leases, owners, lease_ms = KEYS[1], KEYS[2], tonumber(ARGV[1])
for i = 2, #ARGV, 3 do
  if redis.call('ZADD', leases, 'NX', ARGV[i + 2], ARGV[i]) == 1 then
    redis.call('HSET', owners, ARGV[i], ARGV[i + 1])
  end
end
redis.call('PEXPIRE', leases, lease_ms * 2)
redis.call('PEXPIRE', owners, lease_ms * 2)
return redis.call('ZCARD', leases)
