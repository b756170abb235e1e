--- errors: diagnostics at the exact range, the traceback to click, notes and causes.
return function(test)
  local function diagnostics(child)
    return child:lua([[
      local found = {}
      for _, d in ipairs(vim.diagnostic.get(0)) do
        table.insert(found, { d.lnum + 1, d.col, d.end_col, d.severity, d.message })
      end
      table.sort(found, function(a, b) return a[1] < b[1] end)
      return found
    ]])
  end

  test("errors: at the exact range, in bytes, with notes and causes", function(child)
    child:open("a.py", {
      "def half(n):",
      "    return 'größer 🐍', n / 0",
      "",
      "try:",
      "    half(1)",
      "except ZeroDivisionError as e:",
      "    e2 = ValueError('no such thing')",
      "    e2.__notes__ = ['a note']",
      "    raise e2 from e",
    })
    child:command("Replwire buffer")
    child:idle()
    local found = diagnostics(child)
    equal(#found, 1)
    has(found[1][5], "ValueError: no such thing\na note\ncause: ZeroDivisionError: division by zero (a.py, line 2)")
    child:command("Replwire send half(2)")
    child:wait_output("[2] code")
    child:wait("return vim.diagnostic.get(0)[1] and vim.diagnostic.get(0)[1].lnum == 1")
    -- Of Python 3.11 and later: the division, behind two characters of more than one byte.
    local line = "    return 'größer 🐍', n / 0"
    equal(vim.list_slice(diagnostics(child)[1], 1, 3), { 2, line:find("n / 0", 1, true) - 1, #line })
  end)

  test("errors: of code that was moved to the margin, and of a syntax error", function(child)
    child:open("a.py", { "if True:", "    x = 1", "    x.nothing" })
    child:lua("require('replwire').send(0, 2, 3)")
    child:idle()
    equal(vim.list_slice(diagnostics(child)[1], 1, 3), { 3, 4, 13 })
    child:lua("vim.api.nvim_buf_set_lines(0, 2, 3, false, { '    x = = 2' })")
    child:lua("require('replwire').send(0, 2, 3)")
    child:wait("local d = vim.diagnostic.get(0)[1] return d and d.message:find('SyntaxError')")
    equal(vim.list_slice(diagnostics(child)[1], 1, 2), { 3, 8 })
    child:lua("vim.api.nvim_buf_set_lines(0, 2, 3, false, { '    x = 2' })")
    child:lua("require('replwire').send(0, 2, 3)")
    child:idle()
    equal(diagnostics(child), {}) -- what was wrong goes when it runs again
  end)

  test("errors: callers have a hint, the quickfix list the whole way", function(child)
    child:open("other.py", { "def inner(): return [][0]" })
    child:command("Replwire buffer")
    child:open("a.py", { "def outer(): return inner()", "outer()" })
    child:command("Replwire buffer")
    child:idle()
    local found = diagnostics(child)
    equal({ found[1][1], found[1][4], found[2][1], found[2][4] }, { 1, 4, 2, 4 })
    local list = child:lua([[
      local list = vim.fn.getqflist({ title = 0, items = 0, idx = 0 })
      local found = { list.title, list.idx }
      for _, item in ipairs(list.items) do
        table.insert(found, vim.fs.basename(vim.api.nvim_buf_get_name(item.bufnr)) .. ":" .. item.lnum .. ":" .. item.text)
      end
      return found
    ]])
    equal(list, { "replwire: IndexError: list index out of range", 3, "a.py:2:outer()", "a.py:1:def outer(): return inner()", "other.py:1:IndexError: list index out of range" })
  end)

  test("errors: a line of the traceback leads to its place", function(child)
    child:open("other.py", { "", "def inner():", "    return [][0]" })
    child:command("Replwire buffer")
    child:open("a.py", { "inner()" })
    child:command("Replwire buffer")
    child:wait_output("IndexError")
    child:lua([[
      local view = require("replwire").session(0).view
      vim.api.nvim_set_current_win(view:windows()[1])
      view:draw()
      vim.fn.search("other.py\", line 3")
    ]])
    child:type("<CR>")
    child:wait("return vim.fs.basename(vim.api.nvim_buf_get_name(0)) == 'other.py' and vim.fn.line('.') == 3")
    child:lua("vim.cmd.wincmd('j') vim.fn.search('2. a.py:1', 'b')")
    child:type("gf")
    child:wait("return vim.fs.basename(vim.api.nvim_buf_get_name(0)) == 'a.py'")
  end)
end
