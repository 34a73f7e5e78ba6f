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
-- Neither that reason nor an earlier one is why it waits now.
call('HSET', P .. id, 'delay', 0, 'x_reason', '')
place(id)
event('waiting', 'jobId', id, 'prev', 'delayed')
wake()
return 'done'
