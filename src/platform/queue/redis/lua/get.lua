-- KEYS[1]  the start of the queue's keys
-- ARGV     now, id
-- Returns  the job as view.lua has it, or nil

local id = ARGV[2]
local state = state_of(id)
if not state then return false end
return view(id, state, due_of(id, state, tonumber(ARGV[1]))) or false
