-- Adds jobs.
--
-- KEYS[1]  the start of the queue's keys
-- KEYS[2]  the set of the queues that we know
-- ARGV     now, the queue's name, our version; then for each job: id, name, data, opts, delay, share
-- Returns  for each job 1, or 0 for one that was known: nothing is changed then

local now = tonumber(ARGV[1])
begin(KEYS[2], ARGV[2], ARGV[3])
call('INCRBY', P .. 'id', (#ARGV - 3) / 6)

-- Most often none is known, which one question tells.
local known, keys = {}, {}
for i = 4, #ARGV, 6 do keys[#keys + 1] = P .. ARGV[i] end
local any = 0
for i = 1, #keys, 5000 do any = any + call('EXISTS', unpack(keys, i, math.min(i + 4999, #keys))) end
if any > 0 then
    for i, key in ipairs(keys) do known[ARGV[i * 6 - 2]] = call('EXISTS', key) == 1 end
end

local answers, delayed, waits = {}, false, false
for i = 4, #ARGV, 6 do
    local id, delay = ARGV[i], tonumber(ARGV[i + 4])
    if known[id] then
        event('duplicated', 'jobId', id)
        answers[#answers + 1] = 0
    else
        known[id] = true
        local turn = delay == 0 and turn_of(ARGV[i + 5]) or 0
        call('HSET', P .. id, 'name', ARGV[i + 1], 'data', ARGV[i + 2], 'opts', ARGV[i + 3],
            'timestamp', ARGV[1], 'delay', ARGV[i + 4], 'priority', turn, 'x_share', ARGV[i + 5])
        event('added', 'jobId', id, 'name', ARGV[i + 1])
        if delay > 0 then
            delay_until(id, now + delay)
            delayed = true
        else
            line_up(id, turn)
            event('waiting', 'jobId', id)
            waits = true
        end
        answers[#answers + 1] = 1
    end
end
if waits then wake() end
if delayed then wake_delayed() end
return answers
