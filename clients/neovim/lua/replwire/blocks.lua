--- Which lines to send: each function returns the first and the last line, from 1, or nil.
local M = {}

local function line_at(buf, line)
  return vim.api.nvim_buf_get_lines(buf, line - 1, line, false)[1] or ""
end

-- The editor's own syntax tree, where it has a parser for Python.
local function tree_root(buf)
  local well, parser = pcall(vim.treesitter.get_parser, buf, "python")
  if well and parser then
    return parser:parse()[1]:root()
  end
end

local function lines_of(node)
  local first, _, last, column = node:range()
  return first + 1, (column == 0 and last > first) and last or last + 1
end

-- The child of `node` on that line; of several on one line, from the first to the last.
local function child_on(node, line)
  local found, from, to
  for child in node:iter_children() do
    local first, last = lines_of(child)
    if child:named() and child:type() ~= "comment" and first <= line and line <= last then
      found, from, to = child, math.min(from or first, first), math.max(to or last, last)
    end
  end
  return found, from, to
end

-- Without a parser: a line that begins at the margin and goes on with nothing that was open before it.
local function begins(text)
  return text:match("^[^%s#%)%]}]") and not text:match("^el[si]%w*[%s:]") and not text:match("^except[%s:*]") and not text:match("^finally%s*:")
end

local function by_indent(buf, line)
  local count = vim.api.nvim_buf_line_count(buf)
  local first = line
  while first > 1 and not begins(line_at(buf, first)) do
    first = first - 1
  end
  while first > 1 and line_at(buf, first - 1):match("^@") do
    first = first - 1
  end
  local last = line
  if line_at(buf, last):match("^@") then
    while last < count and line_at(buf, last):match("^@") do
      last = last + 1
    end
  end
  while last < count and not begins(line_at(buf, last + 1)) do
    last = last + 1
  end
  while last > first and line_at(buf, last):match("^%s*#?%s*$") or line_at(buf, last):match("^#") and last > first do
    last = last - 1
  end
  return first, last
end

--- The function, class or other statement at the margin around the line; at a blank line the next one.
function M.block(buf, line)
  local count = vim.api.nvim_buf_line_count(buf)
  while line < count and line_at(buf, line):match("^%s*$") do
    line = line + 1
  end
  local root = tree_root(buf)
  if not root then
    return by_indent(buf, line)
  end
  local found, first, last = child_on(root, line)
  while not found and line < count do
    line = line + 1
    found, first, last = child_on(root, line)
  end
  return first, last
end

--- The statement that begins, or goes on, at the line.
function M.line(buf, line)
  local root = tree_root(buf)
  local node, first, last = root, line, line
  while node do
    local child, from, to = child_on(node, line)
    if not child then
      break
    end
    if node == root or node:type() == "block" then
      first, last = from, to
    end
    node = child
  end
  return first, last
end

local function is_mark(text)
  return text:match("^%s*# ?%%%%") or text:match("^# In%[")
end

--- The cell around the line: what stands between two lines that begin with `# %%`.
function M.cell(buf, line)
  local lines = vim.api.nvim_buf_get_lines(buf, 0, -1, false)
  local first, last = line, line
  while first > 1 and not is_mark(lines[first]) do
    first = first - 1
  end
  while last < #lines and not is_mark(lines[last + 1]) do
    last = last + 1
  end
  return first, last
end

--- The dotted name of a file in a package, and of any other file its own name.
function M.module_of(path)
  local name = vim.fn.fnamemodify(path, ":t:r")
  local folder = vim.fs.dirname(path)
  local dotted = name ~= "__init__" and { name } or {}
  local is_package = false
  while vim.uv.fs_stat(folder .. "/__init__.py") do
    is_package = true
    table.insert(dotted, 1, vim.fs.basename(folder))
    folder = vim.fs.dirname(folder)
  end
  return table.concat(dotted, "."), is_package
end

return M
