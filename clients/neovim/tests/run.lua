--- nvim -l tests/run.lua [PATTERN]: every test in an editor of its own, in a terminal. REPLWIRE names the server.
local here = vim.fn.fnamemodify(debug.getinfo(1, "S").source:sub(2), ":p:h")
package.path = here .. "/?.lua;" .. package.path
local Child = require("child")
local server = vim.split(assert(vim.env.REPLWIRE, "REPLWIRE names no server"), " ")

local function options_for(more)
  return vim.fn.string(vim.tbl_extend("force", { command = server, root_markers = { "root" } }, more or {}))
end

local failed, passed, skipped = {}, 0, 0
local pattern = _G.arg[1] or ""
local begin = vim.uv.hrtime()

--- A test: its editor is made with `options` and thrown away.
local function test(name, body, options)
  if not name:find(pattern) then
    return
  end
  local folder = vim.fn.tempname()
  vim.fn.mkdir(folder, "p")
  vim.fn.writefile({}, folder .. "/root")
  local child = Child.start(vim.uv.fs_realpath(folder), options_for(options))
  local well, problem = xpcall(body, function(problem)
    return type(problem) == "table" and problem or debug.traceback(problem, 2)
  end, child)
  child:stop()
  if well then
    passed = passed + 1
  elseif type(problem) == "table" then
    skipped = skipped + 1
    print(("skipped: %s: %s"):format(name, problem.skip))
  else
    failed[#failed + 1] = name
    print(("FAILED: %s\n%s"):format(name, problem))
  end
end

function _G.skip(why)
  error({ skip = why })
end

function _G.equal(got, wanted)
  if not vim.deep_equal(got, wanted) then
    error(("got %s\nwanted %s"):format(vim.inspect(got), vim.inspect(wanted)), 2)
  end
end

function _G.has(text, part)
  if not tostring(text):find(part, 1, true) then
    error(("%q has no %q"):format(text, part), 2)
  end
end

function _G.lacks(text, part)
  if tostring(text):find(part, 1, true) then
    error(("%q has %q"):format(text, part), 2)
  end
end

for _, file in ipairs(vim.fn.globpath(here, "*_test.lua", true, true)) do
  dofile(file)(test)
end
print(("Neovim %s: %d passed, %d failed, %d skipped, %.1f s"):format(tostring(vim.version()), passed, #failed, skipped, (vim.uv.hrtime() - begin) / 1e9))
os.exit(#failed == 0 and passed > 0 and 0 or 1)
