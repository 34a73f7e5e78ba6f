-- How jobs end, for the operations that end some.

-- How many jobs (and of which age, in seconds) a job's own options say are to be kept. Nil: all.
local function own_keep(opts, name)
    local ok, read = pcall(cjson.decode, opts)
    local keep = ok and type(read) == 'table' and read[name]
    if keep == true then return 0 end
    if type(keep) == 'number' then return keep >= 0 and keep or nil end
    if type(keep) ~= 'table' then return nil end
    local count, age = tonumber(keep.count), tonumber(keep.age)
    if age == 0 then count = 0 end
    return count, age
end

local function forget(set, ids)
    if #ids == 0 then return end
    remove_keys(ids)
    call_each('ZREM', P .. set, ids)
end

-- Removes the oldest beyond `count` and those older than `age` seconds.
local function trim(set, now, count, age)
    if age then
        local before = tonumber(now) - age * 1000
        forget(set, call('ZREVRANGEBYSCORE', P .. set, before, '-inf', 'LIMIT', 0, 1000))
    end
    if count then
        local over = call('ZCARD', P .. set) - count
        over = math.min(over, 1000)
        if over > 0 then
            remove_keys(call('ZRANGE', P .. set, 0, over - 1))
            call('ZREMRANGEBYRANK', P .. set, 0, over - 1)
        end
    end
end

-- What deduplicates further adds goes with the job that it stands for.
local function release_deduplication(id, name)
    local key = P .. 'de:' .. name
    if call('GET', key) == id and call('PTTL', key) <= 0 then call('DEL', key) end
end

-- Adds an entry (a JSON string) to the failures that a job had.
local function add_trace(id, entry, opts)
    local old = call('HGET', P .. id, 'stacktrace')
    local all = '[' .. entry .. ']'
    if old and #old > 2 and string.sub(old, -1) == ']' then
        all = string.sub(old, 1, -2) .. ',' .. entry .. ']'
    end
    if opts and string.find(opts, 'stackTraceLimit', 1, true) then
        local ok, read = pcall(cjson.decode, opts)
        local limit = ok and type(read) == 'table' and tonumber(read.stackTraceLimit)
        local fine, entries = pcall(cjson.decode, all)
        if limit and fine then
            local newest = {}
            for i = math.max(1, #entries - limit + 1), #entries do newest[#newest + 1] = entries[i] end
            all = #newest > 0 and cjson.encode(newest) or '[]'
        end
    end
    call('HSET', P .. id, 'stacktrace', all)
end

-- Jobs of this step on their way to the finished ones, as `finish` left them.
local to_finished = { completed = {}, failed = {} }

local function flush_finished()
    for set, jobs in pairs(to_finished) do call_each('ZADD', P .. set, jobs) end
    to_finished = { completed = {}, failed = {} }
end

-- Moves a job that is in no state now to `set`: by `flush_finished`. `opts`: those of a job of others.
-- `keep`: how many are kept, which the caller sees to; nil: all.
local function finish(id, set, now, option, opts, keep)
    local count, age, own = keep, nil, false
    if opts then
        own = string.find(opts, option, 1, true)
        if own then count, age = own_keep(opts, option) end
        local name = call('HGET', P .. id, 'deid')
        if name then release_deduplication(id, name) end
    end
    if count == 0 then
        remove_keys({ id })
        return
    end
    local jobs = to_finished[set]
    jobs[#jobs + 1] = now
    jobs[#jobs + 1] = id
    if own then
        flush_finished()
        trim(set, now, count, age)
    end
end

-- Fails a job that is in no state now. Gives how many tries ended.
local function end_as_failed(id, now, reason, reason_json, opts, keep)
    local key = P .. id
    local tries = call('HINCRBY', key, 'atm', 1)
    if call('HDEL', key, 'defa') == 1 then call('HSET', key, 'x_doomed', 1) end
    call('HSET', key, 'failedReason', reason, 'finishedOn', now)
    call('HDEL', key, 'x_token', 'x_until', 'x_reason')
    add_trace(id, reason_json, opts)
    finish(id, 'failed', now, 'removeOnFail', opts, keep)
    event('failed', 'jobId', id, 'failedReason', reason, 'prev', 'active')
    return tries
end

-- BullMQ's counts per minute, the newest first, of which `points` are kept.
local function count_finished(state, ended, now, points)
    if ended == 0 then return end
    local key = P .. 'metrics:' .. state
    local count = call('HINCRBY', key, 'count', ended) - ended
    local before = call('HMGET', key, 'prevTS', 'prevCount')
    local last, last_count = tonumber(before[1]), tonumber(before[2]) or 0
    if not last then
        call('HSET', key, 'prevTS', now, 'prevCount', 0)
        return
    end
    local minutes = math.min(math.floor(tonumber(now) / 60000) - math.floor(last / 60000), points)
    if minutes <= 0 then return end
    call('LPUSH', key .. ':data', count - last_count)
    for _ = 2, minutes do call('LPUSH', key .. ':data', 0) end
    call('LTRIM', key .. ':data', 0, points - 1)
    call('HSET', key, 'prevTS', now, 'prevCount', count)
end
