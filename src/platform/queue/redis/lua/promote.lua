-- Makes a delayed job due now.
--
-- KEYS[1]  the start of the queue's keys
-- ARGV     id
-- Returns  'done', nil for an unknown job, or the state that it is in

local id = ARGV[1]
local state = state_of(id)
if not state then return false end
if state ~= 'delayed' then return state end
call('ZREM', P .. 'delayed', id)
call('HSET', P .. id, 'delay', 0)
call('HDEL', P .. id, 'x_reason')
place(id)
event('waiting', 'jobId', id, 'prev', 'delayed')
wake()
return 'done'
