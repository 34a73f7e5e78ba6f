-- Removes a job that does not run and that nothing else stands on.
--
-- KEYS[1]  the start of the queue's keys
-- ARGV     id
-- Returns  'done', nil for an unknown job, 'scheduler' for the next run of one, 'parent' for a job that one
--          waits for, or the state that it is in

local id = ARGV[1]
local state = state_of(id)
if not state then return false end
if state == 'active' then return state end
local of = call('HMGET', P .. id, 'rjk', 'parentKey')
if of[1] then
    local at = call('ZSCORE', P .. 'repeat', of[1])
    if at and id == 'repeat:' .. of[1] .. ':' .. at then return 'scheduler' end
end
-- Also when that cannot be told: the parent may be in another queue, and its keys on another server.
if of[2] and redis.pcall('SISMEMBER', of[2] .. ':dependencies', P .. id) ~= 0 then return 'parent' end
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
