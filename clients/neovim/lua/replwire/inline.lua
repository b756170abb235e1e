--- What an execution has to say at its own lines, as virtual text: that it runs, its values, its error, the last of its output.
local config = require("replwire.config")

local space = vim.api.nvim_create_namespace("replwire.inline")
local M = { space = space }

local function short(text)
  text = text:gsub("%s*\n%s*", " ⏎ ")
  return vim.fn.strchars(text) > 120 and vim.fn.strcharpart(text, 0, 119) .. "…" or text
end

local function usable(execution)
  return config.get("inline") and execution.buf and vim.api.nvim_buf_is_loaded(execution.buf)
end

-- The line of a mark that travels with the text of the execution.
local function anchor(execution)
  if execution.mark then
    local at = vim.api.nvim_buf_get_extmark_by_id(execution.buf, space, execution.mark, {})
    if at[1] then
      return at[1], at[2]
    end
  end
end

--- Takes away what stands at these lines, and marks the execution's own.
function M.begin(execution)
  if not usable(execution) then
    return
  end
  vim.api.nvim_buf_clear_namespace(execution.buf, space, execution.first - 1, execution.last)
  local last = math.min(execution.last, vim.api.nvim_buf_line_count(execution.buf)) - 1
  execution.mark = vim.api.nvim_buf_set_extmark(execution.buf, space, last, 0, {})
  execution.values = {}
end

--- Shows `text` behind the last line of the execution, and below it what it printed last.
function M.show(execution, text, group, output)
  if not usable(execution) or not anchor(execution) then
    return
  end
  local below = {}
  for _, line in ipairs(output or {}) do
    below[#below + 1] = { { "  " .. short(line), "ReplwireOutput" } }
  end
  execution.mark = vim.api.nvim_buf_set_extmark(execution.buf, space, anchor(execution), 0, {
    id = execution.mark,
    virt_text = text and { { "  " .. short(text), group } } or nil,
    virt_lines = #below > 0 and below or nil,
    hl_mode = "combine",
  })
end

--- The value of a statement before the last, at its line.
function M.value(execution, line, text)
  local last = usable(execution) and anchor(execution)
  if not last then
    return
  end
  local row = last - (execution.last - line)
  if row >= 0 and row <= last then
    execution.values[line] = vim.api.nvim_buf_set_extmark(execution.buf, space, row, 0, {
      id = execution.values[line],
      virt_text = { { "  = " .. short(text), "ReplwireValue" } },
      hl_mode = "combine",
    })
  end
end

function M.clear(buf)
  vim.api.nvim_buf_clear_namespace(buf, space, 0, -1)
end

return M
