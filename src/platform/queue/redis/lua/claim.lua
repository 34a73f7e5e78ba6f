-- Claims the next jobs.
--
-- KEYS[1]  the start of the queue's keys
-- ARGV     now, max, lease, the lease's end, token, worker
-- Returns  whether the queue has a rate limit (1 or 0), and for each job: id, token, name, data, opts,
--          timestamp, atm, stc, defa

local refused = schedulers()
if refused then return refused end
local jobs = take({ now = ARGV[1], max = tonumber(ARGV[2]), lease = ARGV[3], ends = ARGV[4], token = ARGV[5],
    worker = ARGV[6] })
return { meta().rate and 1 or 0, jobs }
