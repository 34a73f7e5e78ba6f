-- What the operations share; put before each of them, behind `local FRONT = …`.
--
-- KEYS[1] is what the keys of the queue begin with, "<prefix>:<queue>:". Times are milliseconds. Numbers that
-- may be large are given to redis.call as numbers (17 digits) or as the text they came as: joined to a text
-- they would lose digits. Data of jobs is never decoded.

local P = KEYS[1]
local call = redis.call
local EVENTS, WAIT, PRIORITIZED, ACTIVE = P .. 'events', P .. 'wait', P .. 'prioritized', P .. 'active'
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

-- The stream is shortened by the first event of a step; the others need not look at that again.
local shortened = false

local function event(name, ...)
    if shortened then
        call('XADD', EVENTS, '*', 'event', name, ...)
    else
        shortened = true
        call('XADD', EVENTS, 'MAXLEN', '~', meta().events or 10000, '*', 'event', name, ...)
    end
end

-- Calls a command on a key with many arguments, as many at a time as Lua can take.
local function call_each(command, key, args)
    for i = 1, #args, 5000 do call(command, key, unpack(args, i, math.min(i + 4999, #args))) end
end

-- Jobs of this step on their way to those that wait, and what is known of these; see `line_up`.
local to_wait, to_turns, line = {}, {}, nil

-- Whoever reads the lines, or writes to them in another way, must do this first.
local function flush_lines()
    call_each('LPUSH', WAIT, to_wait)
    if #to_turns > 0 then
        local count = call('INCRBY', P .. 'pc', #to_turns / 2) - #to_turns / 2
        for i = 1, #to_turns, 2 do
            count = count + 1
            to_turns[i] = to_turns[i] * CLASS + count % CLASS
        end
        call_each('ZADD', PRIORITIZED, to_turns)
    end
    if line and next(line.moved) then
        local turns = {}
        for share in pairs(line.moved) do
            turns[#turns + 1] = share
            turns[#turns + 1] = line.turns[share]
        end
        call_each('HSET', P .. 'x:turns', turns)
    end
    to_wait, to_turns, line = {}, {}, nil
end

-- Wakes one worker that sleeps.
local function wake()
    flush_lines()
    local m = meta()
    if m.paused or (m.concurrency and call('LLEN', ACTIVE) >= m.concurrency) then return end
    call('ZADD', P .. 'marker', 0, '0')
end

-- Tells the workers that sleep when the next delayed job is due.
local function wake_delayed()
    local first = call('ZRANGE', P .. 'delayed', 0, 0, 'WITHSCORES')
    if first[2] then call('ZADD', P .. 'marker', tonumber(first[2]) / 4096, '1') end
end

local function anything_waits()
    flush_lines()
    return call('LLEN', WAIT) > 0 or call('ZCARD', PRIORITIZED) > 0
end

-- The turn of one more job of a share, behind those that wait; nil while few do. See `Broker::add`.
local function turn_of(share)
    if not line then
        local first = call('ZRANGE', PRIORITIZED, 0, 0, 'WITHSCORES')
        line = { first = first[2] and math.floor(tonumber(first[2]) / CLASS), turns = {}, moved = {},
            waiting = not first[2] and call('LLEN', WAIT) }
    end
    if not line.first and line.waiting < FRONT then return nil end
    local turn = 1
    if line.first then
        turn = math.max(turn, line.first)
        local last = line.turns[share] or tonumber(call('HGET', P .. 'x:turns', share) or nil)
        if last then turn = math.max(turn, last + 1) end
    else
        call('DEL', P .. 'x:turns')
    end
    turn = math.min(turn, LAST_CLASS)
    line.turns[share], line.moved[share] = turn, true
    return turn
end

-- Many jobs of a step are put into the lines together: by `flush_lines`.
local function line_up(id, priority)
    if priority == 0 then
        to_wait[#to_wait + 1] = id
        if line and line.waiting then line.waiting = line.waiting + 1 end
    else
        to_turns[#to_turns + 1] = priority
        to_turns[#to_turns + 1] = id
        if line then line.first = math.min(line.first or priority, priority) end
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

-- All that is kept of jobs: of ours there is never more than the hash and the log.
local function remove_keys(ids)
    local keys = {}
    for _, id in ipairs(ids) do
        local key = P .. id
        keys[#keys + 1] = key
        keys[#keys + 1] = key .. ':logs'
        if call('HEXISTS', key, 'x_share') == 0 then
            for _, part in ipairs({ ':dependencies', ':processed', ':failed', ':unsuccessful' }) do
                keys[#keys + 1] = key .. part
            end
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
    if call('LPOS', ACTIVE, id) then return 'active' end
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
