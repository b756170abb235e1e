--- The output of a session in a buffer of its own: a block for each execution, made of segments (text, a value, a picture) that can be
--- replaced. What changes is drawn some 30 times a second, and only the lines that differ; old lines are dropped.
local config = require("replwire.config")
local Text = require("replwire.text")

local kFrame = 30 -- milliseconds between two drawings
local space = vim.api.nvim_create_namespace("replwire.view")

local View = { locked = false } -- locked: an omni function runs, during which no text may change
View.__index = View

function View.new(name)
  return setmetatable({ name = name, blocks = {}, changed = {} }, View)
end

--- The buffer, made at the first use.
function View:buffer()
  if not (self.buf and vim.api.nvim_buf_is_valid(self.buf)) then
    self.buf = vim.api.nvim_create_buf(false, true)
    vim.api.nvim_buf_set_name(self.buf, "replwire://" .. self.name)
    vim.bo[self.buf].modifiable = false
    vim.bo[self.buf].undolevels = -1
    vim.bo[self.buf].filetype = "replwire"
    for _, key in ipairs({ "<CR>", "gf" }) do
      vim.keymap.set("n", key, function()
        require("replwire.errors").jump_from_text(vim.api.nvim_get_current_line())
      end, { buffer = self.buf, desc = "go to the place that this line names" })
    end
    for _, block in ipairs(self.blocks) do
      block.drawn = {}
      self.changed[block] = true
    end
    self:draw()
  end
  return self.buf
end

function View:windows()
  return self.buf and vim.fn.win_findbuf(self.buf) or {}
end

--- Opens the window, without going there.
function View:open()
  local buf = self:buffer()
  if #self:windows() == 0 then
    local window = vim.api.nvim_open_win(buf, false, { split = "below", win = -1, height = config.get("height"), style = "minimal" })
    vim.wo[window].wrap = true
    vim.wo[window].winfixheight = true
    vim.wo[window].statusline = "%{%v:lua.require'replwire'.status_of(" .. buf .. ")%}"
    vim.api.nvim_win_set_cursor(window, { vim.api.nvim_buf_line_count(buf), 0 })
  end
end

function View:close()
  for _, window in ipairs(self:windows()) do
    vim.api.nvim_win_close(window, true)
  end
end

function View:clear()
  self.blocks, self.changed = {}, {}
  if self.buf and vim.api.nvim_buf_is_valid(self.buf) then
    self:_set(0, -1, {})
  end
end

function View:block()
  local block = { segments = {}, drawn = {} }
  self.blocks[#self.blocks + 1] = block
  return block
end

-- What arrives takes the place of what `clear_output(wait=True)` has cleared.
local function last_segment(block)
  if block.clear then
    block.clear, block.segments = nil, { block.segments[1] }
  end
  return block.segments[#block.segments]
end

function View:text(block, data, group)
  local segment = last_segment(block)
  if not (segment and segment.text) then
    segment = { text = Text.new() }
    table.insert(block.segments, segment)
  end
  segment.text:append(data, group)
  segment.text:bound(config.get("view_lines"))
  self:_touch(block)
end

--- Lines that stand for themselves: a header, a value, a picture. `display_id` names them for updates.
function View:lines(block, lines, group, display_id)
  last_segment(block)
  lines = vim.split(table.concat(lines, "\n"), "\n")
  table.insert(block.segments, { lines = lines, group = group, display_id = display_id })
  self:_touch(block)
end

--- Shows something else wherever `display_id` was shown. True if it was anywhere.
function View:update(display_id, lines, group)
  local found = false
  for _, block in ipairs(self.blocks) do
    for _, segment in ipairs(block.segments) do
      if segment.display_id == display_id then
        segment.lines, segment.group, found = lines, group, true
        self:_touch(block)
      end
    end
  end
  return found
end

--- Removes what the block shows, but for its header; with `wait` when something new comes.
function View:clear_block(block, wait)
  block.clear = true
  if not wait then
    last_segment(block)
    self:_touch(block)
  end
end

--- The last lines of text of a block.
function View:tail(block, count)
  for at = #block.segments, 1, -1 do
    if block.segments[at].text then
      local lines = block.segments[at].text:shown()
      return vim.list_slice(lines, math.max(1, #lines - count + 1))
    end
  end
  return {}
end

function View:_touch(block)
  self.changed[block] = true
  if not self.pending then
    self.pending = true
    vim.defer_fn(function()
      self.pending, self.last = false, vim.uv.now()
      if View.locked then
        return self:_touch(block)
      end
      self:draw()
    end, math.max(0, (self.last or 0) + kFrame - vim.uv.now()))
  end
end

function View:_set(from, to, lines)
  vim.bo[self.buf].modifiable = true
  vim.api.nvim_buf_set_lines(self.buf, from, to, false, lines)
  vim.bo[self.buf].modifiable = false
  vim.bo[self.buf].modified = false
end

-- All lines of a block, and the highlight group of each.
local function flat(block)
  local lines, groups = {}, {}
  for _, segment in ipairs(block.segments) do
    local text = segment.text
    if text and text.dropped then
      lines[#lines + 1] = ("… %d lines are no longer here"):format(text.dropped)
      groups[#lines] = "ReplwireNote"
    end
    for row, line in ipairs(text and text:shown() or segment.lines) do
      lines[#lines + 1] = line
      groups[#lines] = text and text.groups[row] or segment.group
    end
  end
  return lines, groups
end

--- Writes what has changed into the buffer.
function View:draw()
  if not (self.buf and vim.api.nvim_buf_is_valid(self.buf)) then
    return
  end
  local followers = vim.tbl_filter(function(window)
    return vim.api.nvim_win_get_cursor(window)[1] >= vim.api.nvim_buf_line_count(self.buf)
  end, self:windows())
  local row = 0
  for _, block in ipairs(self.blocks) do
    if self.changed[block] then
      self:_draw_block(block, row)
    end
    row = row + #block.drawn
  end
  self.changed = {}
  self:_drop(row)
  for _, window in ipairs(followers) do
    vim.api.nvim_win_set_cursor(window, { vim.api.nvim_buf_line_count(self.buf), 0 })
  end
end

function View:_draw_block(block, row)
  local lines, groups = flat(block)
  local same = 0
  while same < #lines and same < #block.drawn and lines[same + 1] == block.drawn[same + 1] do
    same = same + 1
  end
  if same == #lines and same == #block.drawn then
    return
  end
  vim.api.nvim_buf_clear_namespace(self.buf, space, row + same, row + #block.drawn)
  self:_set(row + same, row + #block.drawn, vim.list_slice(lines, same + 1))
  for line = same + 1, #lines do
    if groups[line] then
      vim.api.nvim_buf_set_extmark(self.buf, space, row + line - 1, 0, { end_row = row + line, hl_group = groups[line], strict = false })
    end
  end
  block.drawn = lines
end

-- The oldest blocks go when there are too many lines.
function View:_drop(total)
  local drop, lines = 0, 0
  while drop < #self.blocks - 1 and total - lines > config.get("view_lines") * 1.2 do
    drop = drop + 1
    lines = lines + #self.blocks[drop].drawn
  end
  if drop > 0 then
    self.blocks = vim.list_slice(self.blocks, drop + 1)
    self:_set(0, lines, {})
  end
end

return View
