--- Questions about code: completion, documentation, definition.
local config = require("replwire.config")

local M = {}

local kLinesBefore = 200

--- What stands before the cursor, some lines of it, and where the cursor is in it, in code points.
function M.context(buf, row, column)
  local first = math.max(0, row - kLinesBefore)
  local lines = vim.api.nvim_buf_get_lines(buf, first, row, false)
  local line = lines[#lines]
  local before = table.concat(lines, "\n", 1, #lines - 1)
  before = #lines > 1 and before .. "\n" or before
  return before .. line, vim.fn.strchars(before) + vim.fn.strchars(line:sub(1, column)), vim.fn.strchars(before), line
end

local function here()
  local at = vim.api.nvim_win_get_cursor(0)
  return M.context(0, at[1], at[2])
end

local letters = {
  ["function"] = "f", class = "t", module = "m", instance = "v", property = "m", keyword = "k", param = "v", key = "v", path = "F", statement = "v",
}

--- What a `complete_reply` offers, as Vim's complete-items.
function M.items(reply)
  local types = reply.metadata and reply.metadata._jupyter_types_experimental or {}
  local items = {}
  for at, match in ipairs(reply.matches) do
    local about = types[at] or {}
    items[at] = {
      word = match,
      kind = letters[about.type] or "",
      menu = about.signature or "",
      type = about.type,
      dup = 0,
    }
  end
  return items
end

local found -- between the two calls of an omni function

--- 'omnifunc': completion from what the session holds.
function M.omnifunc(findstart, base)
  if findstart == 0 then
    return found and { words = found, refresh = "always" } or {}
  end
  local session = require("replwire").session(0)
  if not session or not session.main.ready then
    return -3
  end
  local code, cursor, before, line = here()
  local reply = session:ask({ type = "complete", code = code, cursor_pos = cursor }, config.get("wait"))
  if not reply or reply.cursor_start < before then
    return -3
  end
  found = M.items(reply)
  return vim.fn.byteidx(line, reply.cursor_start - before)
end

-- The whole line, since the name goes on behind the cursor.
local function inspect(detail, call)
  local session = require("replwire").session(0)
  if not session then
    return vim.notify("replwire: no session; :Replwire start")
  end
  local code, cursor = here()
  session:request({ type = "inspect", code = code, cursor_pos = cursor, detail_level = detail }, function(reply, problem)
    if not reply or not reply.found then
      return vim.notify("replwire: " .. (problem or "nothing is known of what stands here"))
    end
    call(reply, session)
  end)
end

--- Signature and documentation in a floating window; with `detail` 1 the source too.
function M.hover(detail)
  inspect(detail or 0, function(reply)
    local text = reply.data["text/markdown"] or reply.data["text/plain"]
    vim.lsp.util.open_floating_preview(vim.split(text, "\n"), "markdown", { focus_id = "replwire", border = "rounded" })
  end)
end

--- Goes to where the name under the cursor was defined.
function M.definition()
  inspect(0, function(reply, session)
    local place = reply.definition
    if not place then
      local filename, line = (reply.data["text/plain"] or ""):match("Defined in: (.-), line (%d+)")
      place = filename and { filename = filename, line = tonumber(line) }
    end
    if not place then
      return vim.notify("replwire: it is not known where that is defined")
    end
    require("replwire.errors").jump(place.filename, place.line, session)
  end)
end

return M
