--- Text as a terminal would show it: `\r`, `\b` and "cursor up" move back and are written over, other escape sequences are left out.
local Text = {}
Text.__index = Text

local kLine = 10000 -- bytes of a line that are shown

function Text.new()
  return setmetatable({ lines = { "" }, groups = {}, row = 1, column = 0, rest = "" }, Text)
end

local function write(self, piece, group)
  local line = self.lines[self.row]
  local width = vim.fn.strchars(line)
  if self.column >= width then
    self.lines[self.row] = line .. (" "):rep(self.column - width) .. piece
  else
    local after = vim.fn.strcharpart(line, self.column + vim.fn.strchars(piece))
    self.lines[self.row] = vim.fn.strcharpart(line, 0, self.column) .. piece .. after
  end
  self.column = self.column + vim.fn.strchars(piece)
  if #self.lines[self.row] > kLine then
    self.lines[self.row] = vim.fn.strcharpart(self.lines[self.row], 0, kLine / 4) .. " …"
    self.column = kLine -- the rest of the line goes nowhere
  end
  self.groups[self.row] = self.groups[self.row] or group
end

function Text:append(data, group)
  data, self.rest = self.rest .. data, ""
  local at = 1
  while at <= #data do
    local special = data:find("[\n\r\b\27]", at)
    local piece = data:sub(at, (special or 0) - 1)
    if piece ~= "" and self.column < kLine then
      write(self, piece:gsub("%z", "␀"), group)
    end
    if not special then
      return
    end
    at = special + 1
    local byte = data:sub(special, special)
    if byte == "\n" then
      self.row, self.column = self.row + 1, 0
      self.lines[self.row] = self.lines[self.row] or ""
    elseif byte == "\r" then
      self.column = 0
    elseif byte == "\b" then
      self.column = math.max(0, self.column - 1)
    else
      at = self:_escape(data, special)
    end
  end
end

-- Returns where the text goes on.
function Text:_escape(data, at)
  local _, stop, count, letter = data:find("^\27%[([%d;?]*)([%a@`])", at)
  if not stop then
    _, stop = data:find("^\27%][^\7\27]*\7", at)
  end
  if not stop then
    _, stop = data:find("^\27[^%[%]]", at)
  end
  if not stop then -- the next output has the rest
    self.rest = #data - at < 200 and data:sub(at) or ""
    return #data + 1
  end
  if letter == "A" then
    self.row = math.max(1, self.row - math.max(1, tonumber(count) or 1))
  elseif letter == "K" then
    self.lines[self.row] = vim.fn.strcharpart(self.lines[self.row], 0, self.column)
  end
  return stop + 1
end

--- Keeps the last `count` lines, when there are many more.
function Text:bound(count)
  local drop = #self.lines - count
  if drop > count / 5 then
    local groups = {}
    for row, group in pairs(self.groups) do
      groups[row - drop] = group
    end
    self.lines = vim.list_slice(self.lines, drop + 1)
    self.groups, self.row = groups, math.max(1, self.row - drop)
    self.dropped = (self.dropped or 0) + drop
  end
end

--- The lines, without an empty one at the end.
function Text:shown()
  local last = #self.lines
  return self.lines[last] == "" and vim.list_slice(self.lines, 1, last - 1) or self.lines
end

return Text
