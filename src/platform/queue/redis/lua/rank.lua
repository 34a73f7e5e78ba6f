-- Where a page of a sorted set begins, for the operations that list some.

-- The rank behind the member that the last page ended with, also when it has gone since.
local function rank_behind(set, descending, score, member)
    if member == '' then return 0 end
    local key = P .. set
    if call('ZSCORE', key, member) == score then
        return call(descending and 'ZREVRANK' or 'ZRANK', key, member) + 1
    end
    local rank
    if descending then
        rank = call('ZCOUNT', key, '(' .. score, '+inf')
    else
        rank = call('ZCOUNT', key, '-inf', '(' .. score)
    end
    for _, other in ipairs(call('ZRANGEBYSCORE', key, score, score)) do
        if descending == (other > member) and other ~= member then rank = rank + 1 end
    end
    return rank
end
