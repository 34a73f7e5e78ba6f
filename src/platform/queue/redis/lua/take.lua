-- Claims jobs, for the operations that do. Needs end_as_failed of finish.lua.

-- Why a job of a queue of others cannot be run here; nil if it can.
local function refusal(id)
    if call('HEXISTS', P .. id, 'parentKey') == 1 then
        return 'jobs of a flow (with a parent) are not supported by this worker'
    end
    local key = P .. id
    local children = call('EXISTS', key .. ':dependencies', key .. ':processed', key .. ':failed',
        key .. ':unsuccessful')
    if children > 0 then return 'jobs of a flow (with children) are not supported by this worker' end
    return nil
end

-- Starts a job that is in `active` by now. Nil: it is none, or cannot be run here.
local function start(id, claim, token)
    local key = P .. id
    local f = call('HMGET', key, 'name', 'data', 'opts', 'timestamp', 'ats', 'x_share')
    -- An id without a hash is no job, and "0:…" is a mark of old versions.
    if not (f[1] or f[2] or f[4]) or string.sub(id, 1, 2) == '0:' then
        call('LREM', ACTIVE, 1, id)
        return nil
    end
    local refused = not f[6] and refusal(id)
    if refused then
        call('LREM', ACTIVE, 1, id)
        end_as_failed(id, claim.now, refused, cjson.encode(refused), f[3] or '')
        return nil
    end
    -- Of a job of ours that was never begun there is no more to know. (Numbers are slow to make into texts.)
    local ats, past = '1', {}
    if f[5] or not f[6] then
        ats = tostring((tonumber(f[5]) or 0) + 1)
        past = call('HMGET', key, 'atm', 'stc', 'defa')
    end
    call('SET', key .. ':lock', token, 'PX', claim.lease)
    event('active', 'jobId', id, 'prev', 'waiting')
    call('HSET', key, 'processedOn', claim.now, 'ats', ats, 'x_token', token .. ':' .. ats, 'x_until',
        claim.ends, 'pb', claim.worker)
    return { id, token, f[1], f[2], f[3], f[4], past[1] or false, past[2] or false, past[3] or false }
end

-- The next ids, at most `count`, moved to `active`.
local function next_ids(count)
    local ids = call('RPOP', WAIT, count)
    if ids then
        call('LPUSH', ACTIVE, unpack(ids))
        return ids
    end
    local popped, taken = call('ZPOPMIN', PRIORITIZED, count), {}
    for i = 1, #popped, 2 do taken[#taken + 1] = popped[i] end
    if #taken > 0 then
        call('LPUSH', ACTIVE, unpack(taken))
    else
        call('DEL', P .. 'pc')
    end
    return taken
end

-- claim: now, lease, ends (as texts), worker, token, max. Gives a row for each job.
local function take(claim)
    promote_due(tonumber(claim.now))
    flush_lines()
    local jobs, max = {}, claim.max
    if meta().paused then return jobs end
    if meta().concurrency then max = math.min(max, meta().concurrency - call('LLEN', P .. 'active')) end
    local started = 0
    -- A step must end, also in a queue that is full of what is no job.
    while #jobs < max and started < max + 10000 do
        local ids = next_ids(math.min(max - #jobs, 1000))
        if #ids == 0 then break end
        for _, id in ipairs(ids) do
            started = started + 1
            jobs[#jobs + 1] = start(id, claim, claim.token .. ':' .. started)
        end
    end
    flush_finished()
    -- Whoever was woken has taken its share: the next one is for another.
    if anything_waits() then wake() end
    return jobs
end

-- Nothing can be taken of a queue whose jobs would have to be followed by others.
local function schedulers()
    if call('EXISTS', P .. 'repeat') == 0 then return nil end
    return redis.error_reply('WAYBILL the queue has job schedulers, which this worker would end by not ' ..
        'following them: remove them, or leave the queue to BullMQ')
end
