--- A session: what runs and waits in it, and what to do with each frame that comes. A branch is a session that shares its
--- parent's server.
local Server = require("replwire.server")
local View = require("replwire.view")
local config = require("replwire.config")
local errors = require("replwire.errors")
local inline = require("replwire.inline")
local inputs = require("replwire.inputs")

local Session = {}
Session.__index = Session

local function notify(text, level)
  vim.notify("replwire: " .. text, level or vim.log.levels.INFO)
end

local function new(fields)
  local self = setmetatable(fields, Session)
  self.executions, self.order, self.past, self.kept = {}, {}, {}, {}
  self.answers, self.files = {}, self.files or {}
  self.view = View.new(self.name)
  return self
end

--- Starts a server in `root` by the words of `command`; nil when there is no such program.
function Session.start(name, root, command, cwd)
  local self = new({ name = name, root = root, command = command, cwd = cwd, next_id = 0, waiting = {}, branches = {} })
  self.main = self
  local server, problem = Server.start(command, cwd, {
    frame = function(frame)
      self:_frame(frame)
    end,
    exit = function(...)
      self:_exit(...)
    end,
  })
  if not server then
    notify(("cannot start %s: %s"):format(command[1], problem), vim.log.levels.ERROR)
    return nil
  end
  self.server = server
  return self
end

--- Whether the server has a request, or a field of one.
function Session:has(request, field)
  local fields = self.main.ready and self.main.ready.capabilities[request]
  return fields ~= nil and (field == nil or vim.list_contains(fields, field))
end

function Session:is_alive()
  return not self.main.dead and not self.closed
end

--- Calls back when the first frame is there: only then is it known what the server can do.
function Session:when_ready(call)
  if self.main.ready then
    call()
  else
    table.insert(self.main.waiting, call)
  end
end

--- Sends a request; `answer` gets its reply, or nil and the message of a `protocol_error`.
function Session:request(frame, answer)
  local main = self.main
  main.next_id = main.next_id + 1
  frame.id = "nvim-" .. main.next_id
  frame.session = self.branch
  if answer then
    main.answers[frame.id] = answer
  end
  main.server:send(frame)
  return frame.id
end

--- Sends a request and waits for its reply, for some milliseconds at most.
function Session:ask(frame, milliseconds)
  local reply
  self:request(frame, function(answer)
    reply = answer or false
  end)
  View.locked = true
  vim.wait(milliseconds, function()
    return reply ~= nil
  end, 2)
  View.locked = false
  return reply or nil
end

--- Runs code. `what` has `code`, `filename`, `first` and `last` (lines), `buf`, `name`, `module`,
--- `indent` (columns that all lines have lost) and `column` (those that the first one has lost besides).
function Session:execute(what)
  self:when_ready(function()
    local frame = {
      type = "execute",
      code = what.code,
      filename = what.filename,
      first_line = what.first,
      output_limit = config.get("output_limit") or nil,
      timeout = config.get("timeout") or nil,
      grace = config.get("timeout") and config.get("grace") or nil,
    }
    local function add(field, value)
      if self:has("execute", field) then
        frame[field] = value
      end
    end
    add("notify_start", true)
    add("dedent", true)
    add("name", what.name)
    add("module", what.module)
    add("values", config.get("inline") and what.buf and "all" or nil)
    local execution = setmetatable({ block = self.view:block(), since = os.time() }, { __index = what })
    local id = self:request(frame)
    self.main.executions[id], execution.id, execution.session = execution, id, self
    table.insert(self.order, execution)
    if what.filename then
      self.main.files[what.filename] = what.buf
    end
    self.view:lines(execution.block, { "[…] " .. self:label(execution) }, "ReplwireHeader")
    if what.buf then
      errors.clear(what.buf)
      inline.begin(execution)
    end
    self:_running()
  end)
end

--- Where an execution comes from, in a few words.
function Session:label(execution)
  local filename = execution.filename or "code"
  if vim.startswith(filename, self.root .. "/") then
    filename = filename:sub(#self.root + 2)
  end
  local first, last = execution.first, execution.last
  return not first and filename or ("%s:%d%s"):format(filename, first, last > first and "-" .. last or "")
end

-- What is first in line runs; servers that know `notify_start` say when.
function Session:_running()
  local execution = self.order[1]
  if execution and not execution.running and not self:has("execute", "notify_start") then
    self:_started(execution)
  end
  self:changed()
end

function Session:_started(execution)
  execution.running, execution.since = true, os.time()
  inline.show(execution, "…", "ReplwireBusy")
end

function Session:_finish(execution)
  self.main.executions[execution.id] = nil
  self.order = vim.tbl_filter(function(other)
    return other ~= execution
  end, self.order)
  self:_running()
end

--- One word for what it does, and since when.
function Session:state()
  if not self:is_alive() then
    return "dead"
  elseif not self.main.ready then
    return "starting"
  elseif inputs.waiting(self) then
    return "waiting for input"
  elseif self.order[1] then
    return "busy", self.order[1].since
  end
  return "idle"
end

--- The state has changed: the status line, and an open list of variables.
function Session:changed()
  vim.cmd.redrawstatus({ bang = true })
  vim.api.nvim_exec_autocmds("User", { pattern = "ReplwireState", modeline = false, data = { session = self.name, state = self:state() } })
  if self.variables and not self.order[1] then
    self.variables:refresh()
  end
end

function Session:interrupt(grace)
  if not self.order[1] then
    -- a task of the event loop may run
    self:request({ type = "interrupt" })
    return notify("nothing runs")
  end
  self:request({ type = "interrupt", grace = grace })
end

--- What is running, in words, or nil.
function Session:what_runs()
  local execution = self.order[1]
  return execution and ("%s, for %d s"):format(self:label(execution), os.time() - execution.since)
end

--- Ends the session. `restarted` says nothing of it.
function Session:stop()
  self.stopped = true
  if self.branch then
    self:request({ type = "close", session = self.branch })
    self:_gone(self)
    self.main.branches[self.branch] = nil
  else
    self.main.server:shutdown()
  end
end

--- A session of its own that begins in the state of this one.
function Session:fork(name, call)
  self:request({ type = "branch", name = name }, function(reply, problem)
    if not reply then
      return notify("no branch: " .. problem, vim.log.levels.WARN)
    end
    local session = new({ name = name, root = self.root, main = self.main, branch = reply.session, files = self.main.files })
    self.main.branches[reply.session] = session
    call(session)
  end)
end

-- Frames ----------------------------------------------------------------------------------------------------------------------------

local on = {}

function Session:_frame(frame)
  local answer = frame.id and self.answers[frame.id]
  if answer and frame.type ~= "input" then
    self.answers[frame.id] = nil
    return answer(frame.type ~= "protocol_error" and frame or nil, frame.message)
  end
  local handler = on[frame.type] -- what it does not know a client ignores
  if handler then
    local execution = self.executions[frame.execution_id or false]
    local session = execution and execution.session or self.branches[frame.session or false] or self
    handler(session, frame, execution, session:_block(execution, frame))
  end
end

-- Where the output of a frame goes: behind that of its execution, also when that is over.
function Session:_block(execution, frame)
  if execution then
    return execution.block
  end
  local past = self.past[frame.execution_id or false]
  return past and past.block or self.last_block
end

function Session:_block_for_output(block)
  if not block then
    block = self.view:block()
    self.last_block = block
  end
  return block
end

function on.ready(session, frame)
  session.ready = frame
  if frame.protocol ~= 1 then
    notify("the server speaks protocol " .. tostring(frame.protocol) .. ", not 1", vim.log.levels.ERROR)
    return session:stop()
  end
  session.python = frame.python.version
  session.view:lines(session.view:block(), { ("Python %s, %s"):format(frame.python.version, frame.python.executable) }, "ReplwireHeader")
  for _, call in ipairs(session.waiting) do
    call()
  end
  session.waiting = {}
  session:changed()
end

function on.started(session, _, execution)
  if execution then
    session:_started(execution)
    session:changed()
  end
end

function on.output(session, frame, execution, block)
  block = session:_block_for_output(block)
  session.view:text(block, frame.data, frame.stream == "stderr" and "ReplwireError" or nil)
  if execution and config.get("inline") == "output" and not execution.drawing then
    execution.drawing = true
    vim.defer_fn(function()
      execution.drawing = false
      if execution.running then
        inline.show(execution, "…", "ReplwireBusy", session.view:tail(block, config.get("inline_lines")))
      end
    end, 50)
  end
end

function on.output_truncated(session, frame, _, block)
  session.view:lines(session:_block_for_output(block), { ("… %d bytes of %s left out"):format(frame.omitted, frame.stream) }, "ReplwireNote")
end

function on.display(session, frame, _, block)
  local lines = require("replwire.pictures").lines(frame.data, frame.metadata)
  local updated = frame.update and session.view:update(frame.display_id, lines, "ReplwireValue")
  if not updated and not frame.update then
    session.view:lines(session:_block_for_output(block), lines, "ReplwireValue", frame.display_id)
  end
end

function on.clear_output(session, frame, _, block)
  session.view:clear_block(session:_block_for_output(block), frame.wait)
end

function on.input(session, frame)
  inputs.open(session, frame)
end

function on.input_closed(_, frame)
  inputs.close(frame.id)
end

function on.value(session, frame, execution)
  if execution then
    inline.value(execution, frame.line, frame.repr)
  end
end

-- The last hundred are known: for what they print late, and for when they are undone.
local function remember(session, execution, count)
  session.past[execution.id] = execution
  table.insert(session.kept, execution.id)
  if #session.kept > 100 then
    session.past[table.remove(session.kept, 1)] = nil
  end
  execution.running = false
  local header = execution.block.segments[1]
  header.lines = { ("[%s] %s"):format(count or " ", session:label(execution)) }
  session.view:_touch(execution.block)
  session.last_block = execution.block
end

function on.result(session, frame, execution)
  if not execution then
    return
  end
  local text = frame.repr or frame.display and frame.display["text/plain"]
  local lines = frame.display and require("replwire.pictures").lines(frame.display, frame.display_metadata) or text and vim.split(text, "\n")
  remember(session, execution, frame.execution_count)
  if lines then
    session.view:lines(execution.block, lines, "ReplwireValue")
  end
  if frame.repr_truncated then
    session.view:lines(execution.block, { ("… %d characters in all"):format(frame.repr_truncated) }, "ReplwireNote")
  end
  local tail = config.get("inline") == "output" and session.view:tail(execution.block, config.get("inline_lines")) or nil
  inline.show(execution, text and "= " .. text or "✓", text and "ReplwireValue" or "ReplwireDone", tail)
  session:_finish(execution)
end

function on.error(session, frame, execution)
  if not execution then
    return
  end
  remember(session, execution, frame.execution_count)
  local text = frame.traceback ~= "" and frame.traceback or ("not run: %s\n"):format(frame.reason)
  session.view:text(execution.block, text, "ReplwireError")
  inline.show(execution, frame.exception_type ~= "" and errors.message({
    exception_type = frame.exception_type,
    exception_message = frame.exception_message,
  }) or frame.reason, "ReplwireError")
  if frame.reason ~= "cancelled" and frame.reason ~= "aborted" then
    errors.show(session, frame, execution)
  end
  session:_finish(execution)
end

function on.protocol_error(session, frame, execution)
  execution = execution or session.main.executions[frame.id or false]
  if frame.code == "unknown_input_id" then
    return -- answered too late: the question was closed meanwhile
  end
  notify(("%s: %s"):format(frame.code, frame.message), vim.log.levels.WARN)
  if execution then
    session = execution.session
    remember(session, execution)
    session.view:lines(execution.block, { frame.message }, "ReplwireError")
    inline.show(execution, frame.message, "ReplwireError")
    session:_finish(execution)
  end
end

function on.stuck(session, frame, execution)
  local place = frame.stack and frame.stack[#frame.stack]
  notify(("%s does not stop after %d s%s; :Replwire restart ends it"):format(
    execution and session:label(execution) or "the code",
    frame.elapsed,
    place and (" (in %s, %s line %d)"):format(place["function"], vim.fs.basename(place.filename), place.line) or ""
  ), vim.log.levels.WARN)
end

function on.restored(session, frame, execution)
  local why = frame.signal or frame.exit_status and "exit status " .. frame.exit_status
  local said = {
    crash = "Python died of " .. (why or "an unknown cause"),
    timeout = "stopped by force when its time was over",
    interrupt = "stopped by force",
    undo = "undone",
    restore = "the checkpoint is restored",
    rollback = "rolled back",
  }
  local text = said[frame.cause] or frame.cause
  if execution then
    text = ("%s in %s"):format(text, session:label(execution))
  end
  local lost = frame.checkpoint_id == nil and "; Python was started anew, and is empty" or "; the variables are as before"
  if frame.cause ~= "undo" and frame.cause ~= "restore" or frame.checkpoint_id == nil then
    text = text .. lost
  end
  if #(frame.lost_threads or {}) > 0 then
    text = text .. "; threads that are gone: " .. table.concat(frame.lost_threads, ", ")
  end
  for _, id in ipairs(frame.undone or {}) do
    if session.past[id] then
      inline.show(session.past[id], "undone", "ReplwireNote")
    end
  end
  session.view:lines(session.view:block(), { text }, "ReplwireNote")
  notify(text, frame.cause == "crash" and vim.log.levels.WARN or nil)
  session:changed()
end

function on.fatal(session, frame)
  session.fatal = frame.signal or frame.reason == "exit" and "exit status " .. (frame.exit_status or "?") or frame.reason
  session.view:lines(session.view:block(), vim.split(vim.trim(frame.traceback or ""), "\n"), "ReplwireError")
end

-- The end ----------------------------------------------------------------------------------------------------------------------------

-- All that waited for an answer gets none.
function Session:_gone(session)
  inputs.forget(session)
  for _, execution in ipairs(session.order) do
    self.main.executions[execution.id] = nil
    execution.running = false
    inline.show(execution, "not finished", "ReplwireError")
  end
  session.order, session.closed = {}, true
  session:changed()
end

function Session:_exit(code, signal, said)
  local running = self:what_runs()
  self.dead = true
  for _, answer in pairs(self.answers) do
    answer(nil, "the session is dead")
  end
  self.answers = {}
  for _, branch in pairs(self.branches) do
    self:_gone(branch)
  end
  self:_gone(self)
  if self.stopped then
    return
  end
  local cause = self.fatal or (signal ~= 0 and "signal " .. signal) or ("exit status " .. code)
  local text = ("the session %s has died of %s%s"):format(self.name, cause, running and " in " .. running or "")
  if not self.ready then
    text = ("%s does not start: %s"):format(self.command[1], said ~= "" and said or cause)
  end
  self.view:lines(self.view:block(), { text }, "ReplwireError")
  notify(text, vim.log.levels.ERROR)
end

return Session
