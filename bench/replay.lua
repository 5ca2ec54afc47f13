-- For wrk: sends requests that were made before, and prints when the last one is answered.
--
--   wrk --threads N --script replay.lua URL -- FILE N TIMES MORE
--
-- FILE holds each request behind its length in 8 decimal digits. Thread i sends every N-th from the
-- i-th on, all of them TIMES times; 0.5 is the first half of them. When its share is answered it
-- prints "share SENT ANSWERED REFUSED FIRST LAST": how many, and the times of its first request and
-- its last answer, in seconds of CLOCK_MONOTONIC. wrk then idles until its duration is over or a
-- signal comes.
--
-- With a server that ends the connection after each answer, an idle connection may hold one of its
-- few workers. So the first request is sent again then, until MORE answers have come.

local ffi = require("ffi")
ffi.cdef [[
typedef struct { long s; long ns; } incm_time;
int clock_gettime(int clock, incm_time *time);
]]
local CLOCK_MONOTONIC = 1
local LENGTH_DIGITS = 8

local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

local function now()
  local time = ffi.new("incm_time")
  ffi.C.clock_gettime(CLOCK_MONOTONIC, time)
  return tonumber(time.s) + tonumber(time.ns) / 1e9
end

local requests = {}
local share = 0 -- how many requests this thread sends
local more = 0
local closing = false -- the server ends each connection
local sent, answered, refused = 0, 0, 0
local first

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local position = 0
  while true do
    local length = file:read(LENGTH_DIGITS)
    if not length then break end
    if position % tonumber(args[2]) == number then
      requests[#requests + 1] = file:read(tonumber(length))
    else
      file:seek("cur", tonumber(length))
    end
    position = position + 1
  end
  file:close()
  share = math.max(1, math.floor(#requests * tonumber(args[3]) + 0.5))
  more = tonumber(args[4])
  -- wrk looks at one request of the first thread before it begins, and does not send it.
  if number == 0 then sent = -1 end
end

function request()
  sent = sent + 1
  if sent == 0 then return requests[1] end
  first = first or now()
  if sent > share then
    if closing then return requests[1] end
    return "" -- nothing is sent, the connection stays idle
  end
  return requests[(sent - 1) % #requests + 1]
end

function response(status, headers)
  answered = answered + 1
  if status ~= 200 then refused = refused + 1 end
  if answered == 1 then closing = (headers["Connection"] or ""):lower() == "close" end
  if answered == share + (closing and more or 0) then
    io.write(string.format("share %d %d %d %.6f %.6f\n", share, answered, refused, first, now()))
    io.flush()
  end
end
