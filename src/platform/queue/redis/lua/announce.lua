-- Notes that a worker is there.
--
-- KEYS[1]  the start of the queue's keys
-- KEYS[2]  the set of the queues that we know
-- ARGV     now, the queue's name, our version, the worker's name, until when it is believed

begin(KEYS[2], ARGV[2], ARGV[3])
local now, since = ARGV[1], ARGV[1]
local all = call('HGETALL', P .. 'x:workers')
for i = 1, #all, 2 do
    local from, ends = string.match(all[i + 1], '^(%d+) %d+ (%d+)$')
    if not from or tonumber(ends) < tonumber(now) then
        call('HDEL', P .. 'x:workers', all[i])
    elseif all[i] == ARGV[4] then
        since = from
    end
end
call('HSET', P .. 'x:workers', ARGV[4], since .. ' ' .. now .. ' ' .. ARGV[5])
return 1
