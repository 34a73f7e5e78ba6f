-- Adds a line to a job's log.
--
-- KEYS[1]  the start of the queue's keys
-- ARGV     id, line, how many lines are kept
-- Returns  1, or 0 for an unknown job

if call('EXISTS', P .. ARGV[1]) == 0 then return 0 end
call('RPUSH', P .. ARGV[1] .. ':logs', ARGV[2])
call('LTRIM', P .. ARGV[1] .. ':logs', -tonumber(ARGV[3]), -1)
return 1
