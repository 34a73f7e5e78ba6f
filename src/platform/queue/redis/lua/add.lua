-- Adds jobs.
--
-- KEYS[1]  the start of the queue's keys
-- KEYS[2]  the set of the queues that we know
-- ARGV     now, the queue's name, our version; then for each job: id, name, data, opts, delay, share
-- Returns  for each job 1, or 0 for one that was known: nothing is changed then

local now = tonumber(ARGV[1])
begin(KEYS[2], ARGV[2], ARGV[3])
local answers, delayed, waits = {}, false, false
for i = 4, #ARGV, 6 do
    local id, delay = ARGV[i], tonumber(ARGV[i + 4])
    local key = P .. id
    call('INCR', P .. 'id')
    if call('EXISTS', key) == 1 then
        event('duplicated', 'jobId', id)
        answers[#answers + 1] = 0
    else
        local turn = delay == 0 and turn_of(ARGV[i + 5]) or 0
        call('HSET', key, 'name', ARGV[i + 1], 'data', ARGV[i + 2], 'opts', ARGV[i + 3], 'timestamp', ARGV[1],
            'delay', ARGV[i + 4], 'priority', turn, 'x_share', ARGV[i + 5])
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
