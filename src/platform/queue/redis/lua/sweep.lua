-- Makes stalled jobs wait again, ahead of the others: those that were active at the last sweep and have no
-- lock now.
--
-- KEYS[1]  the start of the queue's keys
-- ARGV     now, how often a job may stall, how often all workers together look (0: each time), why a job that
--          stalled too often is failed
-- Returns  the ids

local now, most, every = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
note_pause(now)
if every > 0 and not call('SET', P .. 'stalled-check', now, 'PX', every, 'NX') then return {} end
local found = {}
for _, id in ipairs(call('SMEMBERS', P .. 'stalled')) do
    local key = P .. id
    if call('EXISTS', key .. ':lock') == 0 and call('LREM', P .. 'active', 1, id) > 0 then
        -- What has no hash is no job, and is let go.
        if call('EXISTS', key) == 1 then
            local stalls = call('HINCRBY', key, 'stc', 1)
            if stalls > most then call('HSETNX', key, 'defa', ARGV[4]) end
            call('HDEL', key, 'x_token', 'x_until')
            call('RPUSH', P .. 'wait', id)
            event('waiting', 'jobId', id, 'prev', 'active')
            event('stalled', 'jobId', id)
            found[#found + 1] = id
        end
    end
end
call('DEL', P .. 'stalled')
local active = call('LRANGE', P .. 'active', 0, -1)
for i = 1, #active, 5000 do call('SADD', P .. 'stalled', unpack(active, i, math.min(i + 4999, #active))) end
if #found > 0 then wake() end
return found
