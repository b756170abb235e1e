--- The variables of a session in a buffer: a line for each, which opens to what the value holds.
local Variables = {}
Variables.__index = Variables

local kPage = 200

function Variables.open(session)
  local self = session.variables
  if not (self and vim.api.nvim_buf_is_valid(self.buf)) then
    self = setmetatable({ session = session, buf = vim.api.nvim_create_buf(false, true), opened = {}, rows = {} }, Variables)
    session.variables = self
    vim.api.nvim_buf_set_name(self.buf, "replwire://" .. session.name .. "/variables")
    vim.bo[self.buf].filetype = "replwire-variables"
    vim.bo[self.buf].bufhidden = "wipe"
    vim.keymap.set("n", "<CR>", function()
      self:toggle(self.rows[vim.api.nvim_win_get_cursor(0)[1]])
    end, { buffer = self.buf, desc = "open or close the value" })
    vim.keymap.set("n", "q", "<Cmd>close<CR>", { buffer = self.buf })
    vim.api.nvim_create_autocmd("BufWipeout", {
      buffer = self.buf,
      callback = function()
        session.variables = nil
      end,
    })
  end
  if #vim.fn.win_findbuf(self.buf) == 0 then
    vim.api.nvim_open_win(self.buf, true, { split = "right", width = 50 })
  end
  self:refresh()
end

local function key(path)
  return vim.json.encode(path)
end

-- Asks for the variables, and for the children of what is open, and draws when all is there.
function Variables:refresh()
  if not vim.api.nvim_buf_is_valid(self.buf) then
    return
  end
  local waiting, tree = 0, {}
  local function ask(path, into)
    waiting = waiting + 1
    local offset = #into
    self.session:request({ type = "variables", limit = kPage, offset = offset, path = #path > 0 and path or nil }, function(reply)
      into.total = reply and reply.total
      for _, entry in ipairs(reply and reply.variables or {}) do
        entry.path = vim.list_extend(vim.deepcopy(path), { entry.key ~= nil and entry.key or entry.name })
        entry.children = {}
        table.insert(into, entry)
        if self.opened[key(entry.path)] and entry.has_children then
          ask(entry.path, entry.children)
        end
      end
      if reply and reply.partial and #into > offset then -- time was up
        ask(path, into)
      end
      waiting = waiting - 1
      if waiting == 0 then
        self:draw(tree)
      end
    end)
  end
  ask({}, tree)
end

local function describe(entry)
  local size = entry.shape and "[" .. table.concat(entry.shape, "×") .. "]" or entry.length and "[" .. entry.length .. "]" or ""
  return ("%s: %s%s = %s"):format(entry.name, entry.type, size, entry.repr:gsub("\n", "⏎"))
end

function Variables:draw(tree)
  if not vim.api.nvim_buf_is_valid(self.buf) then
    return
  end
  local lines, rows = {}, {}
  local function add(entries, depth)
    for _, entry in ipairs(entries) do
      local mark = not entry.has_children and "  " or self.opened[key(entry.path)] and "▾ " or "▸ "
      lines[#lines + 1] = ("  "):rep(depth) .. mark .. describe(entry)
      rows[#lines] = entry
      add(entry.children, depth + 1)
    end
    if entries.total and entries.total > #entries then
      lines[#lines + 1] = ("  "):rep(depth) .. ("  … %d in all"):format(entries.total)
    end
  end
  add(tree, 0)
  self.rows = rows
  vim.bo[self.buf].modifiable = true
  vim.api.nvim_buf_set_lines(self.buf, 0, -1, false, #lines > 0 and lines or { "no variables yet" })
  vim.bo[self.buf].modifiable = false
end

--- Opens or closes a value; of a server that cannot tell what is inside, it shows what it can.
function Variables:toggle(entry)
  if not entry then
    return
  end
  if not entry.has_children then
    return vim.notify(describe(entry))
  end
  self.opened[key(entry.path)] = not self.opened[key(entry.path)] or nil
  self:refresh()
end

return Variables
