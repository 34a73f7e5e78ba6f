-- What has become of jobs.
--
-- KEYS[1]  the start of the queue's keys
-- ARGV     how long a list may be to be looked through; then the ids
-- Returns  for each: 0 absent, 1 open, 2 finished, 3 in no state

local most = tonumber(ARGV[1])
local answers, sought, left = {}, {}, 0
for i = 2, #ARGV do
    local id = ARGV[i]
    local answer = 3
    if call('EXISTS', P .. id) == 0 then
        answer = 0
    elseif call('ZSCORE', P .. 'completed', id) or call('ZSCORE', P .. 'failed', id) then
        answer = 2
    elseif call('ZSCORE', P .. 'delayed', id) or call('ZSCORE', P .. 'prioritized', id)
        or call('ZSCORE', P .. 'waiting-children', id) then
        answer = 1
    elseif not sought[id] then
        sought[id] = true
        left = left + 1
    end
    answers[i - 1] = answer
end
-- The lists are walked once for all, from the end that is claimed next. A list that is too long for that may
-- hold what would not be found: nothing is in no state on a guess, and so there is nothing to look for.
local lists, whole = { 'active', 'wait', 'paused' }, true
for _, list in ipairs(lists) do
    if left > 0 and call('LLEN', P .. list) > most then whole = false end
end
for _, list in ipairs(lists) do
    local length = left > 0 and whole and call('LLEN', P .. list) or 0
    local seen = 0
    while left > 0 and seen < length do
        for _, id in ipairs(call('LRANGE', P .. list, -(seen + 1000), -(seen + 1))) do
            if sought[id] == true then
                sought[id] = 'found'
                left = left - 1
            end
        end
        seen = seen + 1000
    end
end
for i = 2, #ARGV do
    if answers[i - 1] == 3 and (sought[ARGV[i]] == 'found' or not whole) then answers[i - 1] = 1 end
end
return answers
