-- Since when the server keeps what it is given, and whose queues these are.
--
-- KEYS[1]  the key of the epoch
-- KEYS[2]  that of the installation
-- ARGV     a new epoch: its id and now; the installation that asks, or nothing
-- Returns  the epoch as "<id> <since>"; the installation, or nil

redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'NX')
if ARGV[3] ~= '' then redis.call('SET', KEYS[2], ARGV[3], 'NX') end
return { redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]) }
