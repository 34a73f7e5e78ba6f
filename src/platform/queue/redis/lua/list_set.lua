-- A page of the jobs that are delayed, completed or failed.
--
-- KEYS[1]  the start of the queue's keys
-- ARGV     state, limit; where the last page ended: score and id
-- Returns  the jobs as view.lua has them; score and id of the last one

local state, limit = ARGV[1], tonumber(ARGV[2])
local descending = state ~= 'delayed'
local rows, mark = {}, { ARGV[3], ARGV[4] }
local from = rank_behind(state, descending, ARGV[3], ARGV[4])
while #rows < limit do
    local page = call(descending and 'ZREVRANGE' or 'ZRANGE', P .. state, from, from + 499, 'WITHSCORES')
    if #page == 0 then break end
    for i = 1, #page, 2 do
        if #rows == limit then break end
        local due = state == 'delayed' and string.format('%.0f', math.floor(tonumber(page[i + 1]) / 4096))
        rows[#rows + 1] = view(page[i], state, due)
        mark = { page[i + 1], page[i] }
    end
    from = from + 500
end
return { rows, mark }
