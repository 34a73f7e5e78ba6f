-- Whether there is something to claim; changes nothing.
--
-- KEYS[1]  the start of the queue's keys
-- ARGV     now
-- Returns  1 or 0, and when the next delayed job is due (false: never, as things are)

local m = meta()
if m.paused or (m.concurrency and call('LLEN', P .. 'active') >= m.concurrency) then return { 0, false } end
if anything_waits() then return { 1, false } end
local first = call('ZRANGE', P .. 'delayed', 0, 0, 'WITHSCORES')
if not first[2] then return { 0, false } end
local due = math.floor(tonumber(first[2]) / 4096)
return { due <= tonumber(ARGV[1]) and 1 or 0, string.format('%.0f', due) }
