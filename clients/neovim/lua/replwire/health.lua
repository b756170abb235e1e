--- :checkhealth replwire
local M = {}

local wanted = {
  { "execute", "notify_start", "say which code runs now" },
  { "execute", "name", "keep the main guard from firing" },
  { "execute", "module", "run code in the namespace of its module" },
  { "execute", "values", "show the value of each line" },
  { "variables", "path", "open values in the list of variables" },
  { "undo", nil, "undo and survive crashes (its options lack --survive)" },
  { "branch", nil, "branch a session" },
}

local function check_editor()
  vim.health.start("Neovim")
  if vim.fn.has("nvim-0.10") == 1 then
    vim.health.ok("Neovim " .. tostring(vim.version()))
  else
    vim.health.error("Neovim 0.10 or later is needed")
  end
  if pcall(vim.treesitter.language.inspect, "python") then
    vim.health.ok("a parser for Python: blocks are found in the syntax tree")
  else
    vim.health.info("no parser for Python: blocks are found by their indentation")
  end
  vim.health.info(package.loaded.cmp and "nvim-cmp: the source is called replwire" or "nvim-cmp is not loaded; completion is in 'omnifunc'")
end

local function check_python(root)
  local path, why = require("replwire.python").find(root)
  vim.health.info(("project %s: %s"):format(root, path and ("%s (%s)"):format(path, why) or "the Python that replwire finds"))
end

local function check_server(root)
  vim.health.start("The server")
  check_python(root)
  local command = require("replwire.python").command(root)
  if vim.fn.executable(command[1]) == 0 then
    return vim.health.error(command[1] .. " is not on PATH", { "pip install replwire", "or name it: vim.g.replwire = { command = { '/path/to/replwire' } }" })
  end
  local ready, ended
  local begin = vim.uv.hrtime()
  local server = require("replwire.server").start(command, root, {
    frame = function(frame)
      ready = ready or frame
    end,
    exit = function(code, _, said)
      ended = ("exit status %d: %s"):format(code, said)
    end,
  })
  vim.wait(10000, function()
    return ready ~= nil or ended ~= nil
  end, 5)
  if not ready then
    return vim.health.error(table.concat(command, " ") .. " does not start: " .. (ended or "no answer in 10 s"))
  end
  vim.health.ok(("replwire %s, Python %s (%s), started in %d ms"):format(
    ready.server.version, ready.python.version, ready.python.executable, (vim.uv.hrtime() - begin) / 1e6
  ))
  for _, row in ipairs(wanted) do
    local fields = ready.capabilities[row[1]]
    if not fields or row[2] and not vim.list_contains(fields, row[2]) then
      vim.health.info("this server cannot " .. row[3])
    end
  end
  server:shutdown()
end

function M.check()
  check_editor()
  check_server(require("replwire").root_of(vim.api.nvim_get_current_buf()))
end

return M
