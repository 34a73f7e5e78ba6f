-- The wrk script of `scripts/bench create`: a new order in every request. Arguments: the token, and a word
-- that no earlier run has used.
local threads = {}

function setup(thread)
  thread:set("number", #threads)
  threads[#threads + 1] = thread
end

function init(args)
  local token, run = args[1], args[2]
  made, not_created, first_refusal = 0, 0, ""
  prefix = string.format('{"clientOrderId":"%s-%d-', run, number)
  rest = [[","invoiceNumber":"INV-2041","paymentMethod":"COD","expressType":"surface",]]
    .. [["pickAddressId":"10001","consignee":{"name":"Asha Verma","mobile":"9812345670","pincode":"560034",]]
    .. [["address1":"14, 3rd Cross, Koramangala","city":"Bengaluru","state":"Karnataka"},]]
    .. [["items":[{"sku":"TEE-BLK-M","name":"Cotton T-shirt","quantity":2,"unitPrice":349.5},]]
    .. [[{"sku":"CAP-01","name":"Cap","quantity":1,"unitPrice":199}],]]
    .. [["charges":{"orderAmount":898,"codAmount":898},]]
    .. [["shipment":{"width":[20],"height":[8],"length":[25],"weight":[0.45]}}]]
  wrk.method = "POST"
  wrk.headers["Authorization"] = "Bearer " .. token
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  made = made + 1
  return wrk.format(nil, nil, nil, prefix .. made .. rest)
end

function response(status, _, body)
  if status ~= 201 then
    not_created = not_created + 1
    if first_refusal == "" then first_refusal = status .. " " .. body:sub(1, 300):gsub("%s+", " ") end
  end
end

-- One line for the script to read: requests, microseconds, then p50, p99 and max in microseconds, responses
-- that were not 201, lost requests.
function done(summary, latency)
  local refused, refusal = 0, ""
  for _, thread in ipairs(threads) do
    refused = refused + thread:get("not_created")
    if refusal == "" then refusal = thread:get("first_refusal") end
  end
  local lost = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format("RESULT %d %d %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), latency.max, refused, lost))
  if refusal ~= "" then io.write("REFUSAL ", refusal, "\n") end
end
