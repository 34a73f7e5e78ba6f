-- Changes what a job carries. As of BullMQ's updateData, no event tells of it.
--
-- KEYS[1]  the start of the queue's keys
-- ARGV     id, data; then what it must carry, where that counts
-- Returns  'done', nil for an unknown job, 'changed' for one that carries something else, or the state that
--          it is in

local id, data, was = ARGV[1], ARGV[2], ARGV[3]
local state = state_of(id)
if not state then return false end
if state == 'active' then return state end
if was and was ~= (call('HGET', P .. id, 'data') or '{}') then return 'changed' end
call('HSET', P .. id, 'data', data)
return 'done'
