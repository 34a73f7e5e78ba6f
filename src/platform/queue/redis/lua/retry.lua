-- Makes a failed job wait again, with all its attempts.
--
-- KEYS[1]  the start of the queue's keys
-- ARGV     id
-- Returns  'done', nil for an unknown job, or the state that it is in

local id = ARGV[1]
local state = state_of(id)
if not state then return false end
if state ~= 'failed' then return state end
call('ZREM', P .. 'failed', id)
call('HDEL', P .. id, 'atm', 'ats', 'stc', 'defa', 'failedReason', 'finishedOn', 'processedOn', 'x_reason',
    'x_doomed')
place(id)
event('waiting', 'jobId', id, 'prev', 'failed')
wake()
return 'done'
