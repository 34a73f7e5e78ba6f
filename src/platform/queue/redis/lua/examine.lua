-- Looks for damage in a queue.
--
-- KEYS[1]  the start of the queue's keys
-- ARGV     how many ids of each list and set are looked at, at most
-- Returns  version; whether it is paused; how many jobs a BullMQ 5 put aside; how many events are kept, and
--          how many are to be; how many ids have no job, and some of them; how many ids are numbers that the
--          counter has not reached, and some of them; whether all ids were looked at

local most = tonumber(ARGV[1])
local counter = tonumber(call('GET', P .. 'id') or 0) or 0
local ghosts, numbers, whole = { 0 }, { 0 }, true

local function note(all, id)
    all[1] = all[1] + 1
    if #all <= 3 then all[#all + 1] = id end
end

local function look(ids)
    for _, id in ipairs(ids) do
        -- "0:…" is a mark of old versions.
        if string.sub(id, 1, 2) ~= '0:' and call('EXISTS', P .. id) == 0 then note(ghosts, id) end
        if string.find(id, '^%d+$') and tonumber(id) > counter then note(numbers, id) end
    end
end

for _, list in ipairs({ 'wait', 'paused', 'active' }) do
    look(call('LRANGE', P .. list, -most, -1))
    whole = whole and call('LLEN', P .. list) <= most
end
for _, set in ipairs({ 'prioritized', 'delayed', 'completed', 'failed', 'waiting-children' }) do
    look(call('ZRANGE', P .. set, 0, most - 1))
    whole = whole and call('ZCARD', P .. set) <= most
end
return { call('HGET', P .. 'meta', 'version') or '', meta().paused and 1 or 0, call('LLEN', P .. 'paused'),
    call('XLEN', P .. 'events'), meta().events or 10000, ghosts, numbers, whole and 1 or 0 }
