-- Renews leases.
--
-- KEYS[1]  the start of the queue's keys
-- ARGV     lease, its end; then for each job: id, token
-- Returns  for each job 1, or 0 for one that its holder had lost

local answers = {}
for i = 3, #ARGV, 2 do
    local id, token = ARGV[i], ARGV[i + 1]
    local key = P .. id
    local lock = call('GET', key .. ':lock')
    local ours = token ~= '' and lock == token
    if not lock and token ~= '' then
        -- It ran out, or was lost with the server's memory; but nobody has taken the job away.
        local f = call('HMGET', key, 'ats', 'x_token')
        ours = f[1] and f[2] == token .. ':' .. f[1] and call('LPOS', P .. 'active', id)
    end
    if ours then
        call('SET', key .. ':lock', token, 'PX', ARGV[1])
        call('SREM', P .. 'stalled', id)
        call('HSET', key, 'x_until', ARGV[2])
    end
    answers[#answers + 1] = ours and 1 or 0
end
return answers
