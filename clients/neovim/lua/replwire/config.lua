--- The options: `vim.g.replwire`, a table, over these defaults. Read at each use, so it may be set at any time.
local M = {}

M.defaults = {
  command = false, -- a list such as { "ssh", "host", "replwire" }, or a function of the root that returns one
  python = false, -- an interpreter or virtual environment, or a function of the root; false: as the editor finds it
  options = { "--survive" }, -- of the server: docs/options.md
  startup = false, -- a file of Python code
  per = "project", -- one session per "project", or per "buffer"
  root_markers = { "pyproject.toml", "setup.py", "setup.cfg", ".venv", ".git" },
  module = false, -- run the files of a package in the package's own namespace
  timeout = false, -- seconds after which code is interrupted
  grace = 2, -- seconds after which an interrupt gets firmer
  output_limit = 200000, -- bytes of each stream of an execution that are shown; the middle of more is left out
  view_lines = 5000, -- lines that the output window keeps
  open = true, -- open the output window when a session starts
  height = 12, -- of that window
  inline = "value", -- at the line: false, "value", or "output" (the last lines of output too)
  inline_lines = 8, -- how many of them
  wait = 300, -- milliseconds that omni completion may wait for its answer
}

function M.get(name)
  local mine = vim.g.replwire
  if mine and mine[name] ~= nil then
    return mine[name]
  end
  return M.defaults[name]
end

return M
