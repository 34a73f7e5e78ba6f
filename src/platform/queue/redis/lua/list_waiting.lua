-- A page of the jobs that wait, in the order they will be claimed.
--
-- KEYS[1]  the start of the queue's keys
-- ARGV     limit; where the last page ended: part (1 a list that BullMQ 5 left, 2 the list, 3 those with a
--          turn or priority), place in it, id
-- Returns  the jobs as view.lua has them; part, place and id of the last one

local limit, part, place, last = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
local rows, mark = {}, { ARGV[2], ARGV[3], ARGV[4] }
-- A step must end, also in a queue that is full of what is no job.
local left = limit + 10000

local function add(id, at)
    left = left - 1
    rows[#rows + 1] = view(id, 'waiting', false)
    mark = { part, at, id }
end

-- From the right, where jobs are claimed. `from` counts from there.
local function walk_list(name, from)
    local key = P .. name
    if last ~= '' then
        local length = call('LLEN', key)
        local at = call('LPOS', key, last, 'RANK', -1, 'MAXLEN', from + 1000)
        -- One that has gone has left its place to the next.
        if at then from = length - at end
    end
    while #rows < limit and left > 0 do
        local ids = call('LRANGE', key, -(from + 500), -(from + 1))
        if #ids == 0 then return end
        for i = #ids, 1, -1 do
            if #rows == limit then return end
            add(ids[i], tostring(from))
            from = from + 1
        end
    end
end

if part <= 1 then
    walk_list('paused', tonumber(place))
    part, place, last = 2, '0', ''
end
if part == 2 and #rows < limit then
    walk_list('wait', tonumber(place))
    if #rows < limit then part, place, last = 3, '', '' end
end
if part == 3 and #rows < limit then
    local from = rank_behind('prioritized', false, place, last)
    while #rows < limit and left > 0 do
        local page = call('ZRANGE', P .. 'prioritized', from, from + 499, 'WITHSCORES')
        if #page == 0 then break end
        for i = 1, #page, 2 do
            if #rows == limit then break end
            add(page[i], page[i + 1])
        end
        from = from + 500
    end
end
return { rows, mark }
