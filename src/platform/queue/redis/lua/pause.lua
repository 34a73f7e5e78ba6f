-- Pauses the queue as BullMQ 6 does: the jobs stay where they are.
--
-- KEYS[1]  the start of the queue's keys
-- KEYS[2]  the set of the queues that we know
-- ARGV     now, the queue's name, our version
-- Returns  1, or 0 if it was paused already

begin(KEYS[2], ARGV[2], ARGV[3])
if meta().paused then
    note_pause(ARGV[1])
    return 0
end
call('HSET', P .. 'meta', 'paused', 1)
call('DEL', P .. 'marker')
known_meta = nil
note_pause(ARGV[1])
event('paused')
return 1
