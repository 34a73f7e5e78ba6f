-- What the operations share; put before each of them, behind `local FRONT = …`.
--
-- KEYS[1] is what the keys of the queue begin with, "<prefix>:<queue>:". Times are milliseconds. Numbers that
-- may be large are given to redis.call as numbers (17 digits) or as the text they came as: joined to a text
-- they would lose digits. Data of jobs is never decoded.

local P = KEYS[1]
local call = redis.call
local CLASS, LAST_CLASS = 4294967296, 2097151

local known_meta

local function meta()
    if not known_meta then
        local m = call('HMGET', P .. 'meta', 'paused', 'concurrency', 'max', 'opts.maxLenEvents')
        known_meta = { paused = m[1], concurrency = tonumber(m[2]), rate = m[3], events = tonumber(m[4]) }
    end
    return known_meta
end

-- Makes the queue known to those that look for queues.
local function begin(registry, queue, version)
    call('SADD', registry, queue)
    if meta().events then return end
    call('HSETNX', P .. 'meta', 'opts.maxLenEvents', 10000)
    call('HSETNX', P .. 'meta', 'version', version)
end

local function event(name, ...)
    call('XADD', P .. 'events', 'MAXLEN', '~', meta().events or 10000, '*', 'event', name, ...)
end

-- Wakes one worker that sleeps.
local function wake()
    local m = meta()
    if m.paused or (m.concurrency and call('LLEN', P .. 'active') >= m.concurrency) then return end
    call('ZADD', P .. 'marker', 0, '0')
end

-- Tells the workers that sleep when the next delayed job is due.
local function wake_delayed()
    local first = call('ZRANGE', P .. 'delayed', 0, 0, 'WITHSCORES')
    if first[2] then call('ZADD', P .. 'marker', tonumber(first[2]) / 4096, '1') end
end

local function anything_waits()
    return call('LLEN', P .. 'wait') > 0 or call('ZCARD', P .. 'prioritized') > 0
end

-- The turn of one more job of a share, behind those that wait; nil while few do. See `Broker::add`.
local function turn_of(share)
    local first = call('ZRANGE', P .. 'prioritized', 0, 0, 'WITHSCORES')
    if not first[2] and call('LLEN', P .. 'wait') < FRONT then return nil end
    local turn = 1
    if first[2] then
        turn = math.max(turn, math.floor(tonumber(first[2]) / CLASS))
        local last = call('HGET', P .. 'x:turns', share)
        if last then turn = math.max(turn, tonumber(last) + 1) end
    else
        call('DEL', P .. 'x:turns')
    end
    turn = math.min(turn, LAST_CLASS)
    call('HSET', P .. 'x:turns', share, turn)
    return turn
end

local function line_up(id, priority)
    if priority == 0 then
        call('LPUSH', P .. 'wait', id)
    else
        local count = call('INCR', P .. 'pc')
        call('ZADD', P .. 'prioritized', priority * CLASS + count % CLASS, id)
    end
end

-- Puts a job behind those that wait: ours by the turn of their share, those of others as BullMQ does.
local function place(id)
    local job = call('HMGET', P .. id, 'x_share', 'priority')
    local before = tonumber(job[2]) or 0
    local priority = before
    if job[1] then
        priority = turn_of(job[1]) or 0
        if priority ~= before then call('HSET', P .. id, 'priority', priority) end
    end
    line_up(id, priority)
end

-- Delays a job until `at`, behind those of the same millisecond.
local function delay_until(id, at)
    local low, high = at * 4096, (at + 1) * 4096 - 1
    local last = call('ZREVRANGEBYSCORE', P .. 'delayed', high, low, 'WITHSCORES', 'LIMIT', 0, 1)
    local score = low
    if last[2] then score = math.min(tonumber(last[2]) + 1, high) end
    call('ZADD', P .. 'delayed', score, id)
    event('delayed', 'jobId', id, 'delay', string.format('%.0f', at))
end

-- Moves the delayed jobs that are due to those that wait.
local function promote_due(now)
    local due = call('ZRANGEBYSCORE', P .. 'delayed', '-inf', (now + 1) * 4096 - 1, 'LIMIT', 0, 1000)
    for _, id in ipairs(due) do
        call('ZREM', P .. 'delayed', id)
        if call('EXISTS', P .. id) == 1 then
            call('HSET', P .. id, 'delay', 0)
            place(id)
            event('waiting', 'jobId', id, 'prev', 'delayed')
        end
    end
    if #due > 0 then wake() end
end

-- All that is kept of jobs.
local function remove_keys(ids)
    local keys = {}
    for _, id in ipairs(ids) do
        local key = P .. id
        keys[#keys + 1] = key
        for _, part in ipairs({ ':logs', ':dependencies', ':processed', ':failed', ':unsuccessful' }) do
            keys[#keys + 1] = key .. part
        end
    end
    for i = 1, #keys, 6000 do call('DEL', unpack(keys, i, math.min(i + 5999, #keys))) end
end

-- The state that a job's id is in, without a look through the lists of those that wait: what is nowhere else
-- is there. Nil for a job that is not known.
local function state_of(id)
    if call('EXISTS', P .. id) == 0 then return nil end
    if call('ZSCORE', P .. 'completed', id) then return 'completed' end
    if call('ZSCORE', P .. 'failed', id) then return 'failed' end
    if call('ZSCORE', P .. 'delayed', id) then return 'delayed' end
    if call('LPOS', P .. 'active', id) then return 'active' end
    return 'waiting'
end

-- Keeps in mind when the queue was paused or resumed, by whomever: "<from>-<to>", without an end while it is.
local function note_pause(now)
    local last = call('LINDEX', P .. 'x:pauses', -1)
    local open = last and string.sub(last, -1) == '-'
    if meta().paused and not open then
        call('RPUSH', P .. 'x:pauses', now .. '-')
        call('LTRIM', P .. 'x:pauses', -64, -1)
    elseif open and not meta().paused then
        call('LSET', P .. 'x:pauses', -1, last .. now)
    end
end
