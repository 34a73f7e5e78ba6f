-- A job to look at, for those operations that tell of jobs. `due` as text, or false.

local function view(id, state, due)
    local f = call('HMGET', P .. id, 'name', 'data', 'timestamp', 'atm', 'stc', 'finishedOn', 'returnvalue',
        'failedReason', 'x_reason', 'x_doomed', 'opts', 'processedOn', 'pb')
    if not (f[1] or f[2] or f[3]) then return nil end
    return { id, state, due, unpack(f) }
end

-- When an active job's lease ends: as our own claim noted it, else as its lock tells.
local function lease_end(id, now)
    local f = call('HMGET', P .. id, 'ats', 'x_token', 'x_until')
    local suffix = ':' .. (f[1] or '')
    if f[2] and f[3] and string.sub(f[2], -#suffix) == suffix then return f[3] end
    local left = call('PTTL', P .. id .. ':lock')
    return string.format('%.0f', now + math.max(left, 0))
end

local function due_of(id, state, now)
    if state == 'active' then return lease_end(id, now) end
    if state ~= 'delayed' then return false end
    return string.format('%.0f', math.floor(tonumber(call('ZSCORE', P .. 'delayed', id)) / 4096))
end
