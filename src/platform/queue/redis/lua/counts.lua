-- KEYS[1]  the start of the queue's keys
-- Returns  how many jobs wait, are active, delayed, completed, failed; whether the queue is paused

return { call('LLEN', P .. 'wait') + call('LLEN', P .. 'paused') + call('ZCARD', P .. 'prioritized'),
    call('LLEN', P .. 'active'), call('ZCARD', P .. 'delayed'), call('ZCARD', P .. 'completed'),
    call('ZCARD', P .. 'failed'), meta().paused and 1 or 0 }
