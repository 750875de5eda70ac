-- Takes a machine out of the gate, if it is still held by who is named: undoes a reservation, or follows a release.
--
-- KEYS as in acquire_seat.lua
-- ARGV machine, owner "<session id>:<lease no>" or reservation
-- Returns 1 when it was taken out, else 0
--
-- Example: A holds "s1:2" (it asked twice). The late release of its first answer, "s1:1" -> 0, nothing changes.
local leases, owners = KEYS[1], KEYS[2]
if redis.call('HGET', owners, ARGV[1]) ~= ARGV[2] then
  return 0
end
redis.call('ZREM', leases, ARGV[1])
redis.call('HDEL', owners, ARGV[1])
return 1
