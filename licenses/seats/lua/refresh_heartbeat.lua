-- Tells the gate what PostgreSQL has granted: who holds the machine's seat, and until when.
--
-- KEYS as in acquire_seat.lua
-- ARGV machine, owner "<session id>:<lease no>", when the lease runs out (Unix ms, PostgreSQL's), lease length in ms
-- Returns 1 when the gate knew the machine, else 0
--
-- No place is kept for more than one lease from now: a borrowed seat whose end nobody tells us of (Redis was away, a
-- process died) would keep newcomers out for days. Once its place has lapsed here, PostgreSQL is asked, which knows.
--
-- A machine that the gate does not know is left out: had it been released meanwhile, adding it would keep its seat from
-- others for a lease. A gate that knows too few only lets more callers through to PostgreSQL, which decides anyway.
--
-- Example: set {A: +10 s}. A beats: owner "s1:1", +360 s -> {A: +360 s}, 1. B's beat arrives after its release -> 0.
local leases, owners = KEYS[1], KEYS[2]
local machine, owner, lease_ms = ARGV[1], ARGV[2], tonumber(ARGV[4])
local time = redis.call('TIME')
local expires = math.min(tonumber(ARGV[3]), time[1] * 1000 + math.floor(time[2] / 1000) + lease_ms)

local known = redis.call('ZSCORE', leases, machine)
if not known then
  return 0
end
-- Answers of crossing beats may arrive in either order; a lease only grows.
if expires > tonumber(known) then
  redis.call('ZADD', leases, expires, machine)
end
redis.call('HSET', owners, machine, owner)
redis.call('PEXPIRE', leases, lease_ms * 2)
redis.call('PEXPIRE', owners, lease_ms * 2)
return 1
