--- The process, and JSON lines in both directions. What comes is read in libuv's callbacks and handed on, in order, in
--- slices of some milliseconds, so that the editor stays responsive; while much is waiting, nothing more is read.
local uv = vim.uv

local kSlice = 8e6 -- nanoseconds of frames at a time
local kPause = 4 -- milliseconds between two slices
local kAhead = 4 * 1024 * 1024 -- bytes that may wait

local Server = {}
Server.__index = Server

--- Starts a server. `on` has `frame(frame)` and `exit(code, signal, what_it_said)`. Returns nil and a message if there is no such program.
function Server.start(command, cwd, on)
  local self = setmetatable({ on = on, lines = {}, first = 1, last = 0, ahead = 0, part = {}, said = "" }, Server)
  self.stdin, self.stdout, self.stderr = uv.new_pipe(), uv.new_pipe(), uv.new_pipe()
  local handle, pid = uv.spawn(command[1], {
    args = vim.list_slice(command, 2),
    stdio = { self.stdin, self.stdout, self.stderr },
    cwd = cwd,
    detached = true, -- a process group of its own: Ctrl-C in a terminal does not reach it
    hide = true,
  }, function(code, signal)
    self.status = { code, signal }
    self:_ended()
  end)
  if not handle then
    for _, pipe in ipairs({ self.stdin, self.stdout, self.stderr }) do
      pipe:close()
    end
    return nil, pid
  end
  self.handle, self.pid = handle, pid
  self.stderr:read_start(function(_, text)
    if text then
      self.said = (self.said .. text):sub(-4096)
    end
  end)
  self:_read()
  return self
end

function Server:send(frame)
  if not self.stdin:is_closing() then
    self.stdin:write(vim.json.encode(frame) .. "\n")
  end
end

--- Ends the session at once, and its processes with it if it has not ended by itself a few seconds later.
function Server:shutdown()
  self:send({ type = "shutdown" })
  vim.defer_fn(function()
    self:kill()
  end, 5000)
end

function Server:kill()
  if not self.status then
    self.handle:kill("sigkill")
  end
end

function Server:_read()
  self.reading = true
  self.stdout:read_start(function(_, text)
    if text then
      self:_take(text)
    else
      self.finished = true
      self:_ended()
    end
  end)
end

-- A read may end anywhere, and bring many lines.
function Server:_take(text)
  local from = 1
  while true do
    local newline = text:find("\n", from, true)
    if not newline then
      break
    end
    self.part[#self.part + 1] = text:sub(from, newline - 1)
    local line = table.concat(self.part)
    self.part = {}
    self.last = self.last + 1
    self.lines[self.last] = line
    self.ahead = self.ahead + #line
    from = newline + 1
  end
  if from <= #text then
    self.part[#self.part + 1] = text:sub(from)
  end
  if self.ahead > kAhead and self.reading then
    self.reading = false
    self.stdout:read_stop()
  end
  self:_wake()
end

function Server:_wake()
  if not self.awake then
    self.awake = true
    vim.schedule(function()
      self:_slice()
    end)
  end
end

function Server:_slice()
  self.awake = false
  local stop = uv.hrtime() + kSlice
  while self.lines[self.first] and uv.hrtime() < stop do
    local line = self.lines[self.first]
    self.lines[self.first] = nil
    self.first = self.first + 1
    self.ahead = self.ahead - #line
    local well, frame = pcall(vim.json.decode, line, { luanil = { object = true } })
    if well and type(frame) == "table" then -- a line that is no JSON comes from something between, such as ssh
      local fine, problem = xpcall(self.on.frame, debug.traceback, frame)
      if not fine then
        vim.notify("replwire: " .. problem, vim.log.levels.ERROR)
      end
    end
  end
  if self.lines[self.first] then
    self.awake = true
    vim.defer_fn(function()
      self:_slice()
    end, kPause)
    return
  end
  if not self.reading and not self.finished then
    self:_read()
  end
  self:_ended()
end

-- When the process is gone and all that it wrote is told.
function Server:_ended()
  if not (self.status and self.finished) or self.told then
    return
  end
  if self.lines[self.first] then
    return self:_wake()
  end
  self.told = true
  for _, handle in ipairs({ self.stdin, self.stdout, self.stderr, self.handle }) do
    if not handle:is_closing() then
      handle:close()
    end
  end
  vim.schedule(function()
    self.on.exit(self.status[1], self.status[2], vim.trim(self.said))
  end)
end

return Server
