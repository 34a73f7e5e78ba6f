-- Removes a job that does not run.
--
-- KEYS[1]  the start of the queue's keys
-- ARGV     id
-- Returns  'done', nil for an unknown job, or the state that it is in

local id = ARGV[1]
local state = state_of(id)
if not state then return false end
if state == 'active' then return state end
local prev = state
if state == 'waiting' then
    prev = 'unknown'
    if call('ZREM', P .. 'prioritized', id) == 1 then
        prev = 'prioritized'
    elseif call('ZREM', P .. 'waiting-children', id) == 1 then
        prev = 'waiting-children'
    elseif call('LREM', P .. 'wait', -1, id) == 1 then
        prev = 'wait'
    elseif call('LREM', P .. 'paused', -1, id) == 1 then
        prev = 'paused'
    end
else
    call('ZREM', P .. state, id)
end
local deduplication = call('HGET', P .. id, 'deid')
if deduplication and call('GET', P .. 'de:' .. deduplication) == id then
    call('DEL', P .. 'de:' .. deduplication)
end
remove_keys({ id })
event('removed', 'jobId', id, 'prev', prev)
return 'done'
