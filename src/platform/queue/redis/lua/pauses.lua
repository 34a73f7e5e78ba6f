-- KEYS[1]  the start of the queue's keys
-- ARGV     now
-- Returns  the last pauses, as common.lua keeps them

note_pause(ARGV[1])
return call('LRANGE', P .. 'x:pauses', 0, -1)
