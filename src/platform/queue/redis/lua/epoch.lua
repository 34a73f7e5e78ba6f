-- Since when the server keeps what it is given, and whose queues these are.
--
-- KEYS[1]  the key of the epoch
-- KEYS[2]  that of the installation
-- ARGV     a new epoch: its id and now; the installation that takes queues that are nobody's, or nothing
-- Returns  the epoch as "<id> <since>"; the installation, or nil; whether it has just taken them

redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'NX')
local taken = ARGV[3] ~= '' and redis.call('SET', KEYS[2], ARGV[3], 'NX')
return { redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]), taken and 1 or 0 }
