--- `:Replwire WORD …` and the mappings: a function for each word.
local blocks = require("replwire.blocks")
local config = require("replwire.config")
local replwire = require("replwire")

local M = {}

local function notify(text, level)
  vim.notify("replwire: " .. text, level)
end

-- The session of this buffer; without one it says so.
local function current()
  local session = replwire.session(0)
  if not session then
    notify("no session here; :Replwire start, or send something")
  end
  return session
end

local function row()
  return vim.api.nvim_win_get_cursor(0)[1]
end

local function send(first, last, options)
  if first then
    replwire.send(vim.api.nvim_get_current_buf(), first, last, options)
  else
    notify("nothing to send here")
  end
end

-- Each gets the rest of the words and the command's own table (`bang`, `line1`, …).
local words = {}

function words.start(arguments)
  replwire.start(0, #arguments > 0 and arguments or nil)
end

function words.line()
  send(blocks.line(0, row()))
end

function words.block()
  send(blocks.block(0, row()))
end

function words.cell()
  send(blocks.cell(0, row()))
end

words["cell-next"] = function()
  local first, last = blocks.cell(0, row())
  send(first, last)
  vim.api.nvim_win_set_cursor(0, { math.min(last + 1, vim.api.nvim_buf_line_count(0)), 0 })
end

function words.buffer(_, about)
  send(1, vim.api.nvim_buf_line_count(0), { whole = true, main = about.bang })
end

function words.main()
  words.buffer({}, { bang = true })
end

function words.file(arguments, about)
  local path = arguments[1] or vim.api.nvim_buf_get_name(0)
  if path ~= "" then
    replwire.send_file(vim.fn.expand(path), { main = about.bang })
  end
end

function words.send(arguments, about)
  if #arguments > 0 then
    local session = replwire.start(0)
    return session and session:execute({ code = table.concat(arguments, " ") })
  end
  send(about.line1, about.line2)
end

function words.selection()
  -- The marks '< and '> are set when visual mode ends.
  local kind = vim.fn.mode()
  vim.cmd.normal({ vim.keycode("<Esc>"), bang = true })
  replwire.send_marks("'<", "'>", kind:match("[vV\22]") or vim.fn.visualmode())
end

function words.output()
  local session = replwire.session(0) or replwire.start(0)
  if session and #session.view:windows() > 0 then
    session.view:close()
  elseif session then
    session.view:open()
  end
end

function words.clear()
  local session = current()
  if session then
    session.view:clear()
  end
  require("replwire.inline").clear(0)
  require("replwire.errors").clear(0)
end

function words.interrupt(arguments)
  local session = current()
  if session then
    session:interrupt(tonumber(arguments[1]) or config.get("grace"))
  end
end

function words.stop()
  local session = current()
  if session then
    session:stop()
    notify("ended " .. session.name)
  end
end

function words.restart(arguments)
  local session = current()
  local running = session and session:what_runs()
  if session and session.main == session then
    session:stop()
    session.main.dead = true
    session:_gone(session)
    vim.defer_fn(function()
      session.server:kill()
    end, 1000)
  end
  session = replwire.start(0, arguments[1] and arguments or nil)
  if session then
    notify(running and ("restarted; what was running: " .. running) or "restarted")
  end
end

-- A request whose reply needs no more than a word.
local function simple(session, frame, well)
  session:request(frame, function(reply, problem)
    if not reply then
      notify(problem, vim.log.levels.WARN)
    elseif well then
      notify(well)
    end
  end)
end

function words.undo(arguments)
  local session = current()
  if session then
    simple(session, { type = "undo", count = tonumber(arguments[1]) })
  end
end

function words.checkpoint(arguments)
  local session = current()
  local name = #arguments > 0 and table.concat(arguments, " ") or nil
  if session then
    simple(session, { type = "checkpoint", name = name }, "checkpoint taken" .. (name and ": " .. name or ""))
  end
end

local function describe(checkpoint)
  local what = checkpoint.name or (checkpoint.automatic and "before the next execution" or "checkpoint")
  return ("%s, after [%s], %d s ago"):format(what, checkpoint.execution_count or " ", checkpoint.age)
end

function words.restore(arguments)
  local session = current()
  if not session then
    return
  end
  local function restore(checkpoint)
    if checkpoint then
      simple(session, { type = "restore", checkpoint_id = checkpoint.checkpoint_id })
    end
  end
  session:request({ type = "checkpoints" }, function(reply, problem)
    if not reply then
      return notify(problem, vim.log.levels.WARN)
    end
    local wanted = arguments[1] and table.concat(arguments, " ")
    for _, checkpoint in ipairs(reply.checkpoints) do
      if wanted and checkpoint.name == wanted then
        return restore(checkpoint)
      end
    end
    if wanted then
      return notify("no checkpoint is named " .. wanted, vim.log.levels.WARN)
    end
    vim.ui.select(reply.checkpoints, { prompt = "Restore which state?", format_item = describe }, restore)
  end)
end

function words.branch(arguments)
  local session = current()
  if not session then
    return
  end
  local buf = vim.api.nvim_get_current_buf()
  local name = arguments[1] or session.name .. " " .. os.date("%H:%M:%S")
  session:fork(name, function(branch)
    replwire.sessions[name] = branch
    vim.b[buf].replwire_session = name
    if config.get("open") then
      branch.view:open()
    end
    notify("this buffer's code runs in the branch " .. name .. " now")
  end)
end

--- Chooses which session this buffer's code goes to, by name or from a list.
function words.sessions(arguments)
  local buf = vim.api.nvim_get_current_buf()
  local function choose(name)
    if name then
      vim.b[buf].replwire_session = name
      notify("this buffer's code runs in " .. name .. " now")
    end
  end
  if arguments[1] then
    return choose(arguments[1])
  end
  local names = vim.tbl_keys(replwire.sessions)
  table.sort(names)
  vim.ui.select(names, {
    prompt = "Session of this buffer",
    format_item = function(name)
      return name .. ": " .. replwire.sessions[name]:state()
    end,
  }, choose)
end

--- Chooses the interpreter of this project; a session that runs is restarted in it.
function words.python(arguments)
  local python = require("replwire.python")
  local root = replwire.root_of(vim.api.nvim_get_current_buf())
  local function choose(path)
    if path then
      python.chosen[root] = path
      if replwire.session(0) then
        words.restart({})
      end
    end
  end
  if arguments[1] then
    return choose(vim.fn.expand(arguments[1]))
  end
  vim.ui.select(python.list(root), { prompt = "Python of " .. root }, choose)
end

function words.module(arguments)
  local on = arguments[1] and arguments[1] ~= "off"
  if not arguments[1] then
    on = not vim.b.replwire_module
  end
  vim.b.replwire_module = on
  notify(on and "code of this file runs in its own module" or "code of this file runs in __main__")
end

function words.inspect(_, about)
  require("replwire.ask").hover(about.bang and 1 or 0)
end

function words.definition()
  require("replwire.ask").definition()
end

function words.variables()
  local session = current()
  if session then
    session:when_ready(function()
      require("replwire.variables").open(session)
    end)
  end
end

local function describe_status(session, reply)
  local parts = { session.name .. " is " .. reply.state:gsub("_", " ") }
  if reply.execution_id then
    table.insert(parts, ("%s, for %.1f s"):format(session:label(session.order[1] or {}), reply.elapsed))
  end
  if reply.queued > 0 then
    table.insert(parts, reply.queued .. " queued")
  end
  table.insert(parts, ("%d MB"):format(reply.memory_usage / 1e6))
  return table.concat(parts, "; ")
end

--- What the session does, and where it is now: the stack becomes the quickfix list.
function words.status()
  local session = current()
  if not session then
    return
  end
  session:request({ type = "status", stack = true }, function(reply, problem)
    if not reply then
      return notify(problem, vim.log.levels.WARN)
    end
    local lines, items = { describe_status(session, reply) }, {}
    for _, frame in ipairs(reply.stack or {}) do
      lines[#lines + 1] = ('  File "%s", line %d, in %s'):format(frame.filename, frame.line, frame["function"])
      local buf = require("replwire.errors").buffer_of(session, frame.filename)
      items[#items + 1] = { bufnr = buf, filename = not buf and frame.filename or nil, lnum = frame.line, text = frame["function"] }
    end
    if reply.stack_unavailable then
      lines[#lines + 1] = "  where it is cannot be told: " .. reply.stack_unavailable
    end
    if #items > 0 then
      vim.fn.setqflist({}, " ", { title = "replwire: where it is", items = items, idx = #items })
    end
    session.last_status = lines
    notify(table.concat(lines, "\n"))
  end)
end

function words.traceback()
  vim.cmd("botright copen")
end

local function question()
  local found = require("replwire.inputs").waiting(replwire.session(0))
  if not found then
    notify("nothing is asked")
  end
  return found
end

function words.answer(arguments)
  local inputs = require("replwire.inputs")
  local asked = question()
  if asked and #arguments > 0 then
    inputs.answer(asked, { data = table.concat(arguments, " ") })
  elseif asked then
    asked.left = false
    inputs.next()
  end
end

function words.eof()
  local asked = question()
  if asked then
    require("replwire.inputs").answer(asked, { eof = true })
  end
end

function words.refuse(arguments)
  local asked = question()
  if asked then
    require("replwire.inputs").answer(asked, { error = #arguments > 0 and table.concat(arguments, " ") or "refused in the editor" })
  end
end

-- Entry points -----------------------------------------------------------------------------------------------------------------------

--- The user command.
function M.run(about)
  local arguments = vim.list_slice(about.fargs, 2)
  local word = about.fargs[1] or (about.range > 0 and "send" or "output")
  if not words[word] then
    return notify("no such word: " .. word .. "; see :help replwire", vim.log.levels.ERROR)
  end
  words[word](arguments, about)
end

function M.complete(lead, line)
  local before = line:match("Replwire!?%s+(%S+)%s")
  if before == "python" or before == "file" then
    return vim.fn.getcompletion(lead, "file")
  elseif before == "sessions" then
    return vim.tbl_keys(replwire.sessions)
  elseif before then
    return {}
  end
  local found = vim.tbl_filter(function(word)
    return vim.startswith(word, lead)
  end, vim.tbl_keys(words))
  table.sort(found)
  return found
end

--- A mapping. `operator` is what `g@` calls then.
function M.plug(name)
  if name == "operator" then
    vim.go.operatorfunc = "v:lua.require'replwire.command'.operator"
    return "g@"
  end
  words[name]({}, {})
end

function M.operator(kind)
  replwire.send_marks("'[", "']", kind)
end

return M
