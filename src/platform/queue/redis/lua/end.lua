-- Tells how jobs ended, and claims the next ones.
--
-- KEYS[1]  the start of the queue's keys
-- ARGV     now, max (0: nothing is claimed), lease, the lease's end, token, worker;
--          how many completed and how many failed jobs are kept; points of the metrics;
--          then for each job: id, token, kind (complete, fail, delay), a text (return value or reason), the
--          reason as a JSON string, attempts, delay, whether it counts (1 or 0)
-- Returns  for each job 1, or 0 for one that its holder had lost: nothing is changed then; whether the queue
--          has a rate limit; what was claimed, as claim.lua gives it

local now, max = ARGV[1], tonumber(ARGV[2])
local keep_completed, keep_failed, points = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local completed, failed, waits, delayed = 0, 0, false, false

-- Of many jobs all locks are read at once, and `active` is read and written as a whole, where that is less
-- than a look through it for each.
local FIRST, EACH = 10, 8
local many = (#ARGV - FIRST + 1) / EACH
local locks, held, places = {}, {}, nil
for i = FIRST, #ARGV, EACH do locks[#locks + 1] = P .. ARGV[i] .. ':lock' end
for i = 1, #locks, 5000 do
    for _, lock in ipairs(call('MGET', unpack(locks, i, math.min(i + 4999, #locks)))) do
        held[#held + 1] = lock
    end
end
local active = many >= 4 and call('LLEN', ACTIVE) <= many * 16 and call('LRANGE', ACTIVE, 0, -1)
if active then
    places = {}
    for at, id in ipairs(active) do places[id] = at end
end

local function leaves_active(id)
    if not places then return call('LREM', ACTIVE, -1, id) > 0 end
    local at = places[id]
    if not at then return false end
    active[at], places[id] = false, nil
    return true
end

local function write_active()
    if not places then return end
    local rest = {}
    for _, id in ipairs(active) do
        if id then rest[#rest + 1] = id end
    end
    call('DEL', ACTIVE)
    call_each('RPUSH', ACTIVE, rest)
end

local taken, released = {}, {}

-- Takes a job out of its holder's hands. Nil: it is not the holder's. `opts` are those of a job of others.
local function take_back(id, token, n)
    local lock, f = held[n], nil
    if token == '' or (lock and lock ~= token) then return nil end
    if lock then
        f = call('HMGET', P .. id, 'atm', 'x_share')
    else
        -- A lease that ran out is its holder's as long as nobody has found that out.
        f = call('HMGET', P .. id, 'atm', 'x_share', 'ats', 'x_token')
        if not f[3] or f[4] ~= token .. ':' .. f[3] then return nil end
    end
    local opts
    if not f[2] then
        local other = call('HMGET', P .. id, 'ats', 'opts')
        if not other[1] then return nil end
        opts = other[2] or ''
    end
    if not leaves_active(id) then return nil end
    taken[#taken + 1], released[#released + 1] = id, locks[n]
    -- Most often it is the first try. (Numbers are slow to make into texts.)
    return { tries = f[1] and tostring(tonumber(f[1]) + 1) or '1', opts = opts }
end

local function fail(id, job, reason, reason_json, attempts)
    local tries = end_as_failed(id, now, reason, reason_json, job.opts, keep_failed)
    if tries >= attempts then event('retries-exhausted', 'jobId', id, 'attemptsMade', tries) end
    failed = failed + 1
end

local function complete(id, job, value, attempts)
    local key = P .. id
    if job.opts and call('SCARD', key .. ':dependencies') > 0 then
        local reason = 'the job has children that have not ended'
        return fail(id, job, reason, cjson.encode(reason), attempts)
    end
    call('HSET', key, 'atm', job.tries, 'returnvalue', value, 'finishedOn', now)
    finish(id, 'completed', now, 'removeOnComplete', job.opts, keep_completed)
    event('completed', 'jobId', id, 'returnvalue', value, 'prev', 'active')
    completed = completed + 1
end

local function put_off(id, job, reason, reason_json, delay, counts)
    local key = P .. id
    if counts then
        call('HINCRBY', key, 'atm', 1)
        call('HSET', key, 'failedReason', reason)
        call('HDEL', key, 'x_token', 'x_until', 'x_reason')
        add_trace(id, reason_json, job.opts)
    else
        call('HSET', key, 'x_reason', reason)
        call('HDEL', key, 'x_token', 'x_until')
    end
    call('HSET', key, 'delay', delay)
    if tonumber(delay) > 0 then
        delay_until(id, tonumber(now) + tonumber(delay))
        delayed = true
    else
        place(id)
        event('waiting', 'jobId', id, 'prev', 'active')
        waits = true
    end
end

local states = {}
for i = FIRST, #ARGV, EACH do
    local id, kind = ARGV[i], ARGV[i + 2]
    local job = take_back(id, ARGV[i + 1], #states + 1)
    states[#states + 1] = job and 1 or 0
    if job and kind == 'complete' then
        complete(id, job, ARGV[i + 3], tonumber(ARGV[i + 5]))
    elseif job and kind == 'fail' then
        fail(id, job, ARGV[i + 3], ARGV[i + 4], tonumber(ARGV[i + 5]))
    elseif job then
        put_off(id, job, ARGV[i + 3], ARGV[i + 4], ARGV[i + 6], ARGV[i + 7] == '1')
    end
end
write_active()
flush_finished()
for i = 1, #released, 5000 do call('DEL', unpack(released, i, math.min(i + 4999, #released))) end
call_each('SREM', P .. 'stalled', taken)
if completed > 0 then trim('completed', now, keep_completed) end
if failed > 0 then trim('failed', now, keep_failed) end
count_finished('completed', completed, now, points)
count_finished('failed', failed, now, points)

local claimed = {}
if max > 0 and call('EXISTS', P .. 'repeat') == 0 then
    claimed = take({ now = now, max = max, lease = ARGV[3], ends = ARGV[4], token = ARGV[5],
        worker = ARGV[6] })
elseif waits or (meta().concurrency and anything_waits()) then
    wake()
end
if #claimed == 0 and completed + failed > 0 and call('LLEN', ACTIVE) == 0 and not anything_waits()
    and (max == 0 or call('ZCARD', P .. 'delayed') == 0) then
    event('drained')
end
flush_lines()
if delayed then wake_delayed() end
return { states, meta().rate and 1 or 0, claimed }
