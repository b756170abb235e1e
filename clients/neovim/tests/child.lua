--- A Neovim in a terminal of its own, with the plugin, driven from outside.
local Child = {}
Child.__index = Child

local here = vim.fs.dirname(vim.fs.abspath and vim.fs.abspath(debug.getinfo(1, "S").source:sub(2)) or vim.fn.fnamemodify(debug.getinfo(1, "S").source:sub(2), ":p"))
local plugin = vim.fs.dirname(here)

function Child.start(folder, options)
  local self = setmetatable({ socket = vim.fn.tempname(), folder = folder, screen = "" }, Child)
  self.job = vim.fn.jobstart({
    vim.v.progpath, "-n", "-i", "NONE", "-u", "NONE", "--listen", self.socket,
    "--cmd", "set noswapfile shortmess+=I | set runtimepath^=" .. plugin .. "," .. (vim.env.REPLWIRE_EXTRAS or "") .. " | let g:replwire = " .. (options or "{}"),
    "-c", "filetype plugin on | runtime plugin/replwire.lua",
  }, { pty = true, width = 100, height = 40, cwd = folder, env = { TERM = "xterm-256color", VIRTUAL_ENV = "", CONDA_PREFIX = "", XDG_STATE_HOME = folder }, on_stdout = function(_, data) self.screen = (self.screen .. table.concat(data, "\n")):sub(-3000) end })
  assert(vim.wait(10000, function()
    local well, channel = pcall(vim.fn.sockconnect, "pipe", self.socket, { rpc = true })
    self.channel = well and channel or nil
    return well and self:lua("return vim.v.vim_did_enter == 1")
  end, 10), "the editor does not start")
  self:lua([[
    notes = {}
    vim.notify = function(text) table.insert(notes, text) end
  ]])
  return self
end

-- At a prompt of its own ("Press ENTER") an editor answers nothing.
function Child:blocked()
  local mode = vim.rpcrequest(self.channel, "nvim_get_mode")
  return mode.blocking and mode.mode
end

--- Runs Lua there.
function Child:lua(code, ...)
  if not vim.wait(5000, function() return not self:blocked() end, 10) then
    error("the editor waits in mode " .. tostring(self:blocked()) .. "\n" .. self.screen:gsub("\27%[[%d;?]*%a", " "), 2)
  end
  return vim.rpcrequest(self.channel, "nvim_exec_lua", code, { ... })
end

function Child:command(line)
  return vim.rpcrequest(self.channel, "nvim_command", line)
end

--- Types; the editor takes it as from a keyboard.
function Child:type(keys)
  vim.rpcrequest(self.channel, "nvim_input", keys)
end

--- Waits until Lua there returns something; returns it.
function Child:wait(code, ...)
  local result
  local arguments = { ... }
  local well = vim.wait(15000, function()
    result = not self:blocked() and self:lua(code, unpack(arguments))
    return result ~= nil and result ~= vim.NIL and result ~= false
  end, 10)
  if not well then
    error(("waited in vain for %s\nnotes: %s\noutput:\n%s"):format(code, vim.inspect(self:lua("return notes")), self:output()), 2)
  end
  return result
end

--- Opens a file with these lines.
function Child:open(name, lines)
  local path = self.folder .. "/" .. name
  vim.fn.mkdir(vim.fs.dirname(path), "p")
  vim.fn.writefile(lines, path)
  self:command("edit " .. path)
  self:command("setfiletype python")
  return path
end

--- The text of the output window.
function Child:output()
  return self:lua([[
    local session = require("replwire").session(0) or select(2, next(require("replwire").sessions))
    if not session then return "" end
    session.view:draw()
    return table.concat(vim.api.nvim_buf_get_lines(session.view:buffer(), 0, -1, false), "\n")
  ]])
end

--- Waits until the output has this text, taken literally.
function Child:wait_output(text)
  self:wait([[
    local session = require("replwire").session(0) or select(2, next(require("replwire").sessions))
    if not session then return false end
    return table.concat(vim.api.nvim_buf_get_lines(session.view:buffer(), 0, -1, false), "\n"):find(..., 1, true)
  ]], text)
end

--- Waits until nothing runs any more.
function Child:idle()
  self:wait([[
    local session = require("replwire").session(0)
    return session and session:state() == "idle"
  ]])
end

--- What stands at lines as virtual text: {line: text}, lines below as well.
function Child:inline()
  return self:lua([[
    local found = {}
    for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, require("replwire.inline").space, 0, -1, { details = true })) do
      local text = ""
      for _, chunk in ipairs(mark[4].virt_text or {}) do text = text .. chunk[1] end
      for _, line in ipairs(mark[4].virt_lines or {}) do
        for _, chunk in ipairs(line) do text = text .. "\n" .. chunk[1] end
      end
      found[tostring(mark[2] + 1)] = (found[tostring(mark[2] + 1)] or "") .. text
    end
    return found
  ]])
end

function Child:notes()
  return table.concat(self:lua("return notes"), "\n")
end

function Child:wait_note(text)
  self:wait("return table.concat(notes, '\\n'):find(..., 1, true)", text)
end

function Child:stop()
  pcall(vim.rpcnotify, self.channel, "nvim_command", "qall!")
  if vim.fn.jobwait({ self.job }, 5000)[1] < 0 then
    vim.fn.jobstop(self.job)
  end
end

return Child
