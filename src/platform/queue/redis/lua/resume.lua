-- Resumes the queue. Jobs that a BullMQ 5 put aside are the next again.
--
-- KEYS[1]  the start of the queue's keys
-- ARGV     now
-- Returns  1, or 0 if it was not paused

local resumed = call('HDEL', P .. 'meta', 'paused')
known_meta = nil
if resumed == 1 then note_pause(ARGV[1]) end
while true do
    local aside = call('LRANGE', P .. 'paused', 0, 4999)
    if #aside == 0 then break end
    call('RPUSH', P .. 'wait', unpack(aside))
    call('LTRIM', P .. 'paused', 5000, -1)
end
if anything_waits() then wake() else wake_delayed() end
if resumed == 1 then event('resumed') end
return resumed
