-- Since when the server keeps what it is given.
--
-- KEYS[1]  the key
-- ARGV     a new epoch: its id and now
-- Returns  the epoch as "<id> <since>"

redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'NX')
return redis.call('GET', KEYS[1])
