--- Which Python a project's session runs in: what was chosen, what the language server uses, the active environment, one in the project.
local config = require("replwire.config")

local M = { chosen = {} }

local function value(option, root)
  return type(option) == "function" and option(root) or option or nil
end

local function from_language_server(root)
  for _, client in ipairs(vim.lsp.get_clients()) do
    local settings = client.settings or client.config.settings or {}
    local path = vim.tbl_get(settings, "python", "pythonPath") or vim.tbl_get(settings, "python", "defaultInterpreterPath")
    local same = client.config.root_dir == root
    if path and same and vim.fn.executable(path) == 1 then
      return path
    end
  end
end

local function in_project(root)
  for _, folder in ipairs({ ".venv", "venv", "env" }) do
    local path = root .. "/" .. folder .. "/bin/python"
    if vim.uv.fs_stat(path) then
      return path
    end
  end
end

--- The interpreter for a project, and why; nil: as the server finds it.
function M.find(root)
  local candidates = {
    { M.chosen[root], "chosen" },
    { value(config.get("python"), root), "vim.g.replwire.python" },
    { from_language_server(root), "language server" },
  }
  if not (vim.env.VIRTUAL_ENV or vim.env.CONDA_PREFIX) then
    table.insert(candidates, { in_project(root), "project" })
  end
  for at = 1, 4 do
    if candidates[at] and candidates[at][1] then
      return candidates[at][1], candidates[at][2]
    end
  end
  return nil
end

--- The words that start a server for a project, and the folder to start it in.
function M.command(root)
  local command = value(config.get("command"), root)
  local words = vim.list_extend({}, command or { "replwire" })
  vim.list_extend(words, config.get("options"))
  local startup = config.get("startup")
  if startup then
    vim.list_extend(words, { "--startup", command and startup or vim.fn.expand(startup) })
  end
  -- A command of the user's may lead to another machine, where other paths hold.
  local python = not command and M.find(root) or M.chosen[root]
  if python then
    vim.list_extend(words, { "--python", python })
  end
  return words, root
end

--- All environments that can be found.
function M.list(root)
  local found, seen = {}, {}
  local function add(path)
    if path and vim.fn.executable(path) == 1 and not seen[path] then
      seen[path] = true
      found[#found + 1] = path
    end
  end
  add(M.find(root))
  add(in_project(root))
  local places = { root .. "/*/bin/python", "~/.virtualenvs/*/bin/python", "~/.pyenv/versions/*/bin/python", "~/.conda/envs/*/bin/python" }
  for _, place in ipairs(places) do
    vim.iter(vim.fn.glob(place, true, true)):each(add)
  end
  for _, folder in ipairs({ vim.env.VIRTUAL_ENV or "", vim.env.CONDA_PREFIX or "" }) do
    add(folder ~= "" and folder .. "/bin/python" or nil)
  end
  add(vim.fn.exepath("python3"))
  return found
end

return M
