-- Shows that the server takes writes.
--
-- KEYS[1]  a key for that
-- ARGV     now

return redis.call('SET', KEYS[1], ARGV[1], 'PX', 60000)
