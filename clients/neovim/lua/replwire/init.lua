--- The sessions, and what to send to them. Everything here may be called from a configuration of one's own.
local blocks = require("replwire.blocks")
local config = require("replwire.config")

local M = { sessions = {} } -- by name

--- Not needed: `vim.g.replwire` may be set at any time.
function M.setup(options)
  vim.g.replwire = vim.tbl_extend("force", vim.g.replwire or {}, options or {})
end

local function number_of(buf)
  return (buf or 0) == 0 and vim.api.nvim_get_current_buf() or buf
end

local function root_of(buf)
  local name = vim.api.nvim_buf_get_name(buf)
  local folder = name ~= "" and vim.bo[buf].buftype == "" and vim.fs.dirname(vim.fn.fnamemodify(name, ":p")) or vim.fn.getcwd()
  return vim.fs.root(folder, config.get("root_markers")) or folder
end
M.root_of = root_of

local function name_of(buf, root)
  if vim.b[buf].replwire_session then
    return vim.b[buf].replwire_session
  end
  if config.get("per") == "buffer" then
    local name = vim.api.nvim_buf_get_name(buf)
    return name ~= "" and name or "buffer " .. buf
  end
  return root
end

--- The session of a buffer, if it is alive.
function M.session(buf)
  buf = number_of(buf)
  local of_view = M.session_of_view(buf)
  local found = of_view or M.sessions[name_of(buf, root_of(buf))]
  return found and found:is_alive() and found or nil
end

--- The session whose output, or whose variables, a buffer shows.
function M.session_of_view(buf)
  for _, session in pairs(M.sessions) do
    if session.view.buf == buf or session.variables and session.variables.buf == buf then
      return session
    end
  end
end

-- What a buffer with a session gets: completion, unless a language server provides it.
local function attach(buf)
  if vim.bo[buf].omnifunc == "" or vim.bo[buf].omnifunc == "python3complete#Complete" then
    vim.bo[buf].omnifunc = "v:lua.require'replwire.ask'.omnifunc"
  end
  require("replwire.cmp").register()
end

local function highlights()
  local links = { Header = "Title", Value = "Special", Error = "DiagnosticError", Note = "DiagnosticWarn", Busy = "DiagnosticInfo", Done = "Comment", Output = "Comment" }
  for name, target in pairs(links) do
    vim.api.nvim_set_hl(0, "Replwire" .. name, { link = target, default = true })
  end
end

--- The session of a buffer, started if there is none. `command` is a list of words; the default is that of the options.
function M.start(buf, command)
  buf = number_of(buf)
  local session = M.session(buf)
  if session then
    attach(buf)
    return session
  end
  highlights()
  local root = root_of(buf)
  local name = name_of(buf, root)
  local words, cwd = require("replwire.python").command(root)
  local before = M.sessions[name]
  session = require("replwire.session").start(vim.fs.basename(name), root, command or words, cwd)
  if not session then
    return nil
  end
  M._adopt(name, session, before)
  attach(buf)
  if config.get("open") then
    session.view:open()
  end
  return session
end

-- A new session shows itself where the one before it did.
function M._adopt(name, session, before)
  if before then
    session.view, session.files = before.view, before.files
    if before.variables then
      before.variables.session, session.variables = session, before.variables
    end
  else
    for other in pairs(M.sessions) do -- two projects of one name
      if other ~= name and vim.fs.basename(other) == session.name then
        session.name, session.view.name = name, name
      end
    end
  end
  M.sessions[name] = session
end

local function end_of_session()
  for _, session in pairs(M.sessions) do
    if session:is_alive() and not session.branch then
      session.main.server:send({ type = "shutdown" })
    end
  end
end
vim.api.nvim_create_autocmd("VimLeavePre", { callback = end_of_session })

-- The white space that all lines share, which Python would not take.
local function dedented(lines)
  local indent
  for _, line in ipairs(lines) do
    local mine = line:match("^(%s*)%S")
    if mine and (not indent or #mine < #indent) then
      indent = mine
    end
  end
  if not indent or indent == "" then
    return lines, 0
  end
  return vim.iter(lines):map(function(line)
    return vim.startswith(line, indent) and line:sub(#indent + 1) or line:match("^%s*$") and "" or line
  end):totable(), #indent
end

--- Runs `lines` of a buffer, which begin at line `first`. `options`: `main` (the main guard fires), `whole` (it is a whole file).
function M.send_lines(buf, first, lines, options)
  options, buf = options or {}, number_of(buf)
  local session = M.start(buf)
  if not session then
    return
  end
  local path = vim.api.nvim_buf_get_name(buf)
  local last = first + #lines - 1
  session:when_ready(function()
    local name, is_package
    if path ~= "" then
      name, is_package = blocks.module_of(path)
    end
    local in_module = is_package and (vim.b[buf].replwire_module == nil and config.get("module") or vim.b[buf].replwire_module)
    local code, indent = lines, 0
    if not session:has("execute", "dedent") then
      code, indent = dedented(lines)
    end
    session:execute({
      code = table.concat(code, "\n"),
      filename = path ~= "" and path or ("<buffer %d>"):format(buf),
      first = first,
      last = last,
      buf = buf,
      indent = indent,
      column = options.column,
      module = in_module and name or nil,
      name = options.whole and not options.main and not in_module and name or nil,
    })
  end)
end

--- Runs the lines `first` to `last` of a buffer.
function M.send(buf, first, last, options)
  M.send_lines(buf, first, vim.api.nvim_buf_get_lines(buf, first - 1, last, false), options)
end

--- Runs what was selected last, or, with `kind` "char", what stands between two marks.
function M.send_marks(from, to, kind)
  local buf = vim.api.nvim_get_current_buf()
  local first, last = vim.fn.getpos(from), vim.fn.getpos(to)
  if kind == "V" or kind == "line" then
    return M.send(buf, first[2], last[2])
  end
  local lines = vim.fn.getregion(first, last, { type = kind == "char" and "v" or kind })
  -- `first column > 0` is where the selection begins in its line: places in its first line move by as much.
  local line = vim.fn.getline(first[2])
  M.send_lines(buf, first[2], lines, { column = vim.fn.strchars(line:sub(1, first[3] - 1)) })
end

--- Runs a file as it is on disk.
function M.send_file(path, options)
  local buf = vim.api.nvim_get_current_buf()
  local session = M.start(buf)
  if not session then
    return
  end
  path = vim.fn.fnamemodify(path, ":p")
  local well, lines = pcall(vim.fn.readfile, path)
  if not well then
    return vim.notify("replwire: cannot read " .. path, vim.log.levels.ERROR)
  end
  local name = blocks.module_of(path)
  session:execute({
    code = table.concat(lines, "\n"),
    filename = path,
    first = 1,
    last = #lines,
    name = not (options and options.main) and name or nil,
  })
end

local function words_for(session)
  local state, since = session:state()
  return ("%s %s%s"):format(session.name, state, since and " since " .. os.date("%H:%M:%S", since) or "")
end

--- For the status line: what the session of the current buffer does; nothing when it has none.
function M.status()
  local session = M.session(0)
  return session and "py " .. words_for(session) or ""
end

--- For the status line of a view.
function M.status_of(buf)
  local session = M.session_of_view(buf)
  return session and (" replwire %s %%= Python %s "):format(words_for(session):gsub("%%", "%%%%"), session.main.python or "") or ""
end

return M
