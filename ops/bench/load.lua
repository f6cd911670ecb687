-- For wrk: requests that each carry new events, for BENCH_SECONDS; then the connections fall silent.
--
-- BENCH_METHOD, BENCH_PATH, BENCH_KEY   where to and with which bearer key ("" for none)
-- BENCH_SIZE                            events a request; an array when there are more than one
-- BENCH_RUN                             part of every event's id
--
-- Silent: when its time is over, a connection sends the first byte of a request and nothing more. So no request is cut off in
-- the middle by the end of wrk, and each one that was sent is counted: what is counted can be compared exactly with what the
-- server has stored.
local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds; long nanoseconds; } bench_time;
  int clock_gettime(int clock, bench_time *time);
]]

local method, path, key = os.getenv("BENCH_METHOD"), os.getenv("BENCH_PATH"), os.getenv("BENCH_KEY")
local size, run, seconds = tonumber(os.getenv("BENCH_SIZE")), os.getenv("BENCH_RUN"), tonumber(os.getenv("BENCH_SECONDS"))
local head = method .. " " .. path .. " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
if key ~= "" then head = head .. "Authorization: Bearer " .. key .. "\r\n" end
head = head .. "Content-Length: "

local threads, counter, calls, stop = 0, 0, 0, nil
local time = ffi.new("bench_time")

local function now()
  ffi.C.clock_gettime(1, time)
  return tonumber(time.seconds) + tonumber(time.nanoseconds) / 1e9
end

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

local function event()
  counter = counter + 1
  local id = run .. "-" .. number .. "-" .. counter
  return '{"id":"' .. id .. '","type":"order.created","orderId":"' .. id .. '","orderAmount":100000,"currency":"KRW",' ..
    '"referralCode":"PARTNER001","productId":"product-uuid-123","productPrice":100000,"quantity":1,' ..
    '"customerId":"customer-uuid-abc","isNewCustomer":false,"occurredAt":"2026-11-20T00:00:00.000Z"}'
end

function request()
  calls = calls + 1
  -- The first call of a thread may be wrk's own look at the request.
  if calls == 2 then stop = now() + seconds end
  if stop and now() >= stop then return method:sub(1, 1) end
  local body
  if size == 1 then
    body = event()
  else
    local events = {}
    for index = 1, size do events[index] = event() end
    body = "[" .. table.concat(events, ",") .. "]"
  end
  return head .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"refused":%d,"broken":%d,"p50":%f,"p99":%f}\n', summary.requests, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
