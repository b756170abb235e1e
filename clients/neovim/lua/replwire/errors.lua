--- What went wrong, and where: diagnostics in the buffers that the code came from, the traceback as a quickfix list.
local space = vim.api.nvim_create_namespace("replwire.errors")
local M = { space = space }

-- Code points, as the wire counts, to bytes, as Neovim does.
local function byte_column(line, column)
  return vim.fn.byteidx(line, math.min(column, vim.fn.strchars(line)))
end

--- The buffer that shows a file, or that an execution called by this name; nil when none is loaded.
function M.buffer_of(session, filename)
  local buf = session and session.files[filename]
  if not buf and filename:match("^/") then
    buf = vim.fn.bufnr("^" .. vim.fn.escape(filename, "^$.*?/\\[]~{},") .. "$")
  end
  return buf and buf > 0 and vim.api.nvim_buf_is_loaded(buf) and buf or nil
end

-- By how much the columns of a line were moved to the left when it was sent.
local function moved(execution, frame)
  if not execution or frame.filename ~= execution.filename or frame.line < execution.first or frame.line > execution.last then
    return 0
  end
  return (execution.indent or 0) + (frame.line == execution.first and execution.column or 0)
end

local function diagnostic(buf, frame, shift, message, severity)
  local row = math.min(frame.line, vim.api.nvim_buf_line_count(buf)) - 1
  local text = vim.api.nvim_buf_get_lines(buf, row, row + 1, false)[1]
  local last = math.min(frame.end_line or frame.line, vim.api.nvim_buf_line_count(buf)) - 1
  local last_text = vim.api.nvim_buf_get_lines(buf, last, last + 1, false)[1]
  local from = frame.column and byte_column(text, frame.column + shift) or (text:find("%S") or 1) - 1
  return {
    bufnr = buf,
    lnum = row,
    col = from,
    end_lnum = last,
    end_col = frame.end_column and byte_column(last_text, frame.end_column + shift) or #last_text,
    severity = severity,
    message = message,
    source = "replwire",
  }
end

--- The exception in words: itself, its notes, and what led to it.
function M.message(error)
  local parts = { error.exception_type .. (error.exception_message ~= "" and ": " .. error.exception_message or "") }
  vim.list_extend(parts, error.notes or {})
  for _, cause in ipairs(error.causes or {}) do
    local place = cause.frames and cause.frames[#cause.frames]
    parts[#parts + 1] = ("%s: %s%s%s"):format(
      cause.relation,
      cause.exception_type,
      cause.exception_message ~= "" and ": " .. cause.exception_message or "",
      place and (" (%s, line %d)"):format(vim.fs.basename(place.filename), place.line) or ""
    )
  end
  return table.concat(parts, "\n")
end

--- Takes away what an earlier execution of this buffer, or of these lines, has left.
function M.clear(buf)
  vim.diagnostic.reset(space, buf)
end

--- Shows the `error` frame of an execution.
function M.show(session, error, execution)
  local frames, message, by_buffer, list = error.frames or {}, M.message(error), {}, {}
  local innermost -- in a buffer of the user's
  for at = #frames, 1, -1 do
    innermost = innermost or (M.buffer_of(session, frames[at].filename) and at)
  end
  for at, frame in ipairs(frames) do
    local buf = M.buffer_of(session, frame.filename)
    local is_last = at == #frames
    list[#list + 1] = {
      bufnr = buf,
      filename = not buf and frame.filename or nil,
      lnum = frame.line,
      col = (frame.column or 0) + 1,
      text = is_last and vim.split(message, "\n")[1] or vim.trim(frame.source or ""),
      type = is_last and "E" or "I",
      valid = buf ~= nil or vim.uv.fs_stat(frame.filename) ~= nil,
    }
    if buf then
      local well, found = pcall(
        diagnostic, buf, frame, moved(execution, frame),
        at == innermost and message or ("called here: %s"):format(error.exception_type),
        at == innermost and vim.diagnostic.severity.ERROR or vim.diagnostic.severity.HINT
      )
      by_buffer[buf] = by_buffer[buf] or {}
      table.insert(by_buffer[buf], well and found or nil)
    end
  end
  for buf, found in pairs(by_buffer) do
    vim.diagnostic.set(space, buf, found)
  end
  if #list > 0 then
    vim.fn.setqflist({}, " ", { title = "replwire: " .. vim.split(message, "\n")[1], items = list, idx = #list })
  end
end

--- Goes to a place in a file, in a window that shows no output.
function M.jump(filename, line, session)
  local buf = M.buffer_of(session, filename)
  if not buf and not vim.uv.fs_stat(filename) then
    return vim.notify("replwire: " .. filename .. " is not here")
  end
  if vim.bo.filetype == "replwire" then
    vim.cmd.wincmd("p")
    if vim.bo.filetype == "replwire" then
      vim.cmd("aboveleft split")
    end
  end
  if buf then
    vim.api.nvim_set_current_buf(buf)
  else
    vim.cmd.edit(vim.fn.fnameescape(filename))
  end
  vim.cmd("normal! m'")
  vim.api.nvim_win_set_cursor(0, { math.min(line, vim.api.nvim_buf_line_count(0)), 0 })
end

--- Follows a line of a traceback, or a header of the output window.
function M.jump_from_text(text)
  local filename, line = text:match('File "(.-)", line (%d+)')
  if not filename then
    filename, line = text:match("^%[.-%] (.-):(%d+)")
  end
  if filename then
    local session = require("replwire").session_of_view(vim.api.nvim_get_current_buf())
    if session and not session.files[filename] and not filename:match("^[/<]") then
      filename = session.root .. "/" .. filename
    end
    M.jump(filename, tonumber(line), session)
  end
end

return M
