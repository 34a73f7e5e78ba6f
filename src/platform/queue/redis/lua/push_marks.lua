-- Pushes times on that several processes share.
--
-- KEYS[1]  what the keys of the times begin with
-- ARGV     now and the furthest time, in microseconds; then of each time its name and by how much
-- Returns  where each stands then

local now, furthest = tonumber(ARGV[1]), tonumber(ARGV[2])
local stand = {}
for i = 3, #ARGV, 2 do
  local key = KEYS[1] .. ARGV[i]
  local from = math.max(tonumber(redis.call('GET', key) or 0), now)
  local to = string.format('%.0f', math.min(from + tonumber(ARGV[i + 1]), furthest))
  local life = math.ceil((to - now) / 1000)
  if life > 0 then redis.call('SET', key, to, 'PX', life) end
  stand[#stand + 1] = to
end
return stand
