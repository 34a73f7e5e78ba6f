-- Gives claimed jobs back: they are the next, in the order told.
--
-- KEYS[1]  the start of the queue's keys
-- ARGV     for each job: id, token
-- Returns  for each job 1, or 0 for one that its holder had lost

local answers, released = {}, false
for i = #ARGV - 1, 1, -2 do
    local id, token = ARGV[i], ARGV[i + 1]
    local key = P .. id
    local f = call('HMGET', key, 'ats', 'x_token')
    local lock = call('GET', key .. ':lock')
    local ours = f[1] and token ~= '' and (lock == token or (not lock and f[2] == token .. ':' .. f[1]))
    local held = ours and call('LREM', P .. 'active', -1, id) > 0
    if held then
        call('DEL', key .. ':lock')
        call('SREM', P .. 'stalled', id)
        call('HDEL', key, 'x_token', 'x_until')
        call('RPUSH', P .. 'wait', id)
        event('waiting', 'jobId', id, 'prev', 'active')
        released = true
    end
    answers[(i + 1) / 2] = held and 1 or 0
end
if released then wake() end
return answers
