-- A page of the jobs that wait, in the order they will be claimed.
--
-- KEYS[1]  the start of the queue's keys
-- ARGV     limit; where the last page ended: part (1 a list that BullMQ 5 left, 2 the list, 3 those with a
--          turn or priority), place in it, id; in a list a line break, the id's length, a blank, the id, and
--          the id that came next
-- Returns  the jobs as view.lua has them; part, place and id of the last one, in the same form

local limit, part, place, last = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
local following = ''
-- Ids of others may hold anything, also line breaks.
local digits = part <= 2 and string.match(last, '^\n(%d+) ')
if digits then
    local front, length = #digits + 2, tonumber(digits)
    last, following = string.sub(last, front + 1, front + length), string.sub(last, front + length + 1)
end
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
        if at then
            from = length - at
        elseif following ~= '' then
            -- It has gone, and so may those before it, which moves up those behind. Where neither is left,
            -- the list is begun again: a job that is seen twice harms less than one that is not seen.
            at = call('LPOS', key, following, 'RANK', -1, 'MAXLEN', from + 1001)
            from = at and length - at - 1 or 0
        end
    end
    while #rows < limit and left > 0 do
        local ids = call('LRANGE', key, -(from + 500), -(from + 1))
        if #ids == 0 then return end
        for i = #ids, 1, -1 do
            if #rows == limit then break end
            add(ids[i], tostring(from))
            from = from + 1
        end
    end
    if #rows < limit then return end
    mark[3] = '\n' .. #mark[3] .. ' ' .. mark[3] .. (call('LINDEX', key, -(from + 1)) or '')
end

if part <= 1 then
    walk_list('paused', tonumber(place))
    part, place, last, following = 2, '0', '', ''
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
