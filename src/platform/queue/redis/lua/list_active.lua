-- The jobs that run.
--
-- KEYS[1]  the start of the queue's keys
-- ARGV     now, how many at most
-- Returns  the jobs as view.lua has them, in no order

local rows = {}
for _, id in ipairs(call('LRANGE', P .. 'active', 0, tonumber(ARGV[2]) - 1)) do
    rows[#rows + 1] = view(id, 'active', lease_end(id, tonumber(ARGV[1])))
end
return rows
