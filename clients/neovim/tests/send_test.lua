--- send: line, selection, block, cell, buffer, file; names and lines travel.
return function(test)
  local program = {
    "import math", --                                   1
    "", --                                              2
    "@staticmethod", --                                 3
    "def area(r):", --                                  4
    "    if r < 0:", --                                 5
    "        raise ValueError('größer 🐍', r)", --       6
    "", --                                              7
    "    return math.pi * r", --                        8
    "", --                                              9
    "# %% second", --                                   10
    "x = (1 +", --                                      11
    "     2)", --                                       12
    "print('cell', x)", --                              13
    "# %%", --                                          14
    "if __name__ == '__main__':", --                    15
    "    print('guard fired')", --                      16
  }

  local function at(child, line, column)
    child:lua("vim.api.nvim_win_set_cursor(0, { ... })", line, column or 0)
  end

  test("send: the block around the cursor, with its name and lines", function(child)
    child:open("shapes.py", program)
    at(child, 1)
    child:command("Replwire block")
    at(child, 6)
    child:command("Replwire block")
    child:command("Replwire send area(1) // 1")
    child:wait_output("3.0")
    has(child:output(), "shapes.py:3-8")
    child:command("Replwire send area.__wrapped__.__code__.co_firstlineno, area.__wrapped__.__code__.co_filename[-9:]")
    child:wait_output("(3, 'shapes.py')")
  end)

  test("send: a line that goes on in the next one", function(child)
    child:open("shapes.py", program)
    at(child, 13)
    child:command("Replwire line")
    child:wait_output("NameError")
    child:lua("vim.treesitter.get_parser = function() error('none') end")
    at(child, 12)
    child:command("Replwire block")
    at(child, 13)
    child:command("Replwire line")
    child:wait_output("cell 3")
    has(child:output(), "shapes.py:11-12")
  end)

  test("send: blocks are the same with a syntax tree and without", function(child)
    child:open("shapes.py", program)
    if not child:lua("return (pcall(vim.treesitter.language.add, 'python')) and #vim.api.nvim_get_runtime_file('parser/python.so', true) > 0") then
      skip("there is no parser for Python")
    end
    local both = child:lua([[
      local blocks, found = require("replwire.blocks"), { {}, {} }
      for line = 1, vim.api.nvim_buf_line_count(0) do found[1][line] = { blocks.block(0, line) } end
      line = { blocks.line(0, 12) }
      vim.treesitter.get_parser = function() error("none") end
      for line = 1, vim.api.nvim_buf_line_count(0) do found[2][line] = { blocks.block(0, line) } end
      return { found[1], found[2], line }
    ]])
    for _, line in ipairs({ 1, 3, 4, 5, 6, 8, 11, 12, 13, 15, 16 }) do
      equal(both[1][line], both[2][line])
    end
    equal(both[3], { 11, 12 })
  end)

  test("send: a cell, and on to the next", function(child)
    child:open("shapes.py", program)
    at(child, 12)
    child:command("Replwire cell-next")
    child:wait_output("cell 3")
    equal(child:lua("return vim.api.nvim_win_get_cursor(0)"), { 14, 0 })
    has(child:output(), "shapes.py:10-13")
    lacks(child:output(), "guard fired")
  end)

  test("send: a selection in the middle of lines, and by operator", function(child)
    child:open("pieces.py", { "value = foo(21 * 2, 'x')", "    a = 1", "    b = a + 1", "print(b)" })
    child:lua("vim.keymap.set('x', 's', '<Plug>(replwire-selection)') vim.keymap.set('n', 's', '<Plug>(replwire-operator)')")
    at(child, 1, 12)
    child:type("v5ls")
    child:wait_output("42")
    at(child, 2)
    child:type("Vjs")
    child:idle()
    at(child, 4)
    child:type("s$")
    child:wait_output("\n2")
    has(child:output(), "pieces.py:2-3")
  end)

  test("send: the buffer as it is, the file as it was; the main guard fires when asked", function(child)
    child:open("guard.py", program)
    child:command("Replwire buffer")
    child:wait_output("cell 3")
    child:idle()
    if child:lua("return require('replwire').session(0):has('execute', 'name')") then
      lacks(child:output(), "guard fired")
    end
    child:command("Replwire! buffer")
    child:wait_output("guard fired")
    child:command("Replwire clear")
    child:lua("vim.api.nvim_buf_set_lines(0, 12, 13, false, { \"print('changed')\" })")
    child:command("Replwire file")
    child:wait_output("cell 3")
    child:command("Replwire buffer")
    child:wait_output("changed")
  end)

  test("send: a file of a package runs in its own module", function(child)
    child:open("pack/__init__.py", { "" })
    child:open("pack/part.py", { "secret = 1", "def reveal(): return secret" })
    child:command("Replwire send import sys; sys.path.insert(0, '.'); import pack.part")
    child:idle()
    if not child:lua("return require('replwire').session(0):has('execute', 'module')") then
      skip("this server has no execute.module")
    end
    child:lua("vim.api.nvim_buf_set_lines(0, 0, 1, false, { 'secret = 2' })")
    child:command("Replwire module on")
    at(child, 1)
    child:command("Replwire line")
    child:command("Replwire send pack.part.reveal(), 'secret' in globals()")
    child:wait_output("(2, False)")
  end)

  test("send: every mapping is there", function(child)
    local missing = child:lua([[
      local missing = {}
      for name in ("line block cell cell-next buffer main file operator output clear interrupt restart stop undo checkpoint restore inspect "
        .. "definition variables status traceback answer eof refuse sessions"):gmatch("%S+") do
        if vim.fn.maparg("<Plug>(replwire-" .. name .. ")", "n") == "" then table.insert(missing, name) end
      end
      return missing
    ]])
    equal(missing, {})
    equal(child:lua("return vim.fn.getcompletion('Replwire ch', 'cmdline')"), { "checkpoint" })
  end)
end
