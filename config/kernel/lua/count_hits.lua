-- Counts one towards each of a caller's limits in turn, as far as the first that is exceeded.
--
-- KEYS    counters, one a limit and window: rate:<hash>, made by django-ratelimit
-- ARGV    for each: how many are allowed, and the seconds after which the window is over for certain
-- Returns the number of the first limit that is exceeded (1 is the first), 0 when none is
--
-- Example: 10 a minute by address (9 so far), 5 a minute by account (5 so far) -> both are counted, 2.
-- By address 10 so far -> 1, and the account is not counted.
for i, counter in ipairs(KEYS) do
  local count = redis.call('INCR', counter)
  if count == 1 then
    redis.call('EXPIRE', counter, ARGV[2 * i])
  end
  if count > tonumber(ARGV[2 * i - 1]) then
    return i
  end
end
return 0
