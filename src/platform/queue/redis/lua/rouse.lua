-- Puts back what was taken to wake a worker, which did not claim.
--
-- KEYS[1]  the start of the queue's keys

if anything_waits() then wake() end
if not meta().paused then wake_delayed() end
return 1
