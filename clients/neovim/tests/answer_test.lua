--- answer: input() and getpass() in the editor's own prompt.
return function(test)
  local function command_line(child, text)
    child:wait([[
      if vim.fn.mode() ~= "c" then return false end
      local row = ""
      for column = 1, vim.o.columns do row = row .. vim.fn.screenstring(vim.o.lines, column) end
      return row:find(..., 1, true)
    ]], text)
  end

  test("answer: input() in the command line, and output goes on meanwhile", function(child)
    child:open("a.py", {
      "import os, threading, time",
      "def meanwhile():",
      "    while not os.path.exists('go'): time.sleep(0.01)",
      "    print('meanwhile')",
      "threading.Thread(target=meanwhile).start()",
      "name = input('Who? ')",
      "f'Hello, {name}!'",
    })
    child:command("Replwire buffer")
    command_line(child, "Who? ")
    vim.fn.writefile({}, child.folder .. "/go")
    child:wait_output("meanwhile")
    has(child:lua("return require('replwire').status()"), "waiting for input")
    child:type("Größe<CR>")
    child:wait_output("'Hello, Größe!'")
  end)

  test("answer: getpass() shows nothing", function(child)
    child:open("a.py", { "import getpass", "len(getpass.getpass('Secret: '))" })
    child:command("Replwire buffer")
    command_line(child, "Secret: ")
    child:type("hunter2")
    child:command("redraw")
    local row = child:lua([[
      local text = ""
      for column = 1, vim.o.columns do text = text .. vim.fn.screenstring(vim.o.lines, column) end
      return text
    ]])
    has(row, "*******")
    lacks(row, "hunter2")
    child:type("<CR>")
    child:wait_output("\n7")
  end)

  test("answer: Ctrl-D ends the input, and a question can be refused", function(child)
    child:open("a.py", { "input('one? ')" })
    child:command("Replwire line")
    command_line(child, "one? ")
    child:type("<C-d>")
    child:wait_output("EOFError")
    child:command("Replwire line")
    command_line(child, "one? ")
    child:type("<Esc>")
    child:wait_note("not answered")
    child:command("Replwire refuse no time")
    child:wait_output("RuntimeError: no time")
    child:command("Replwire line")
    command_line(child, "one? ")
    child:type("<Esc>")
    child:wait("return vim.fn.mode() == 'n'")
    child:command("Replwire answer 12")
    child:wait_output("'12'")
    child:command("Replwire line")
    command_line(child, "one? ")
    child:type("<Esc>")
    child:wait("return vim.fn.mode() == 'n'")
    child:lua("vim.schedule(function() vim.cmd('Replwire answer') end)")
    command_line(child, "one? ")
    child:type("13<CR>")
    child:wait_output("'13'")
  end)

  test("answer: the prompt goes away when the question is closed", function(child)
    child:open("a.py", { "input('still there? ')" })
    child:command("Replwire line")
    command_line(child, "still there? ")
    child:lua("require('replwire').session(0):interrupt()")
    child:wait("return vim.fn.mode() == 'n'")
    child:wait_output("KeyboardInterrupt")
    child:command("Replwire send 6 * 7")
    child:wait_output("42")
  end)

  test("answer: whoever is typing is not disturbed", function(child)
    child:open("a.py", { "input('later? ')" })
    child:type("o# a comm")
    child:wait("return vim.fn.mode() == 'i'")
    child:lua("require('replwire').send(0, 1, 1)")
    child:wait("local s = require('replwire').session(0) return s and s:state() == 'waiting for input'")
    child:type("ent")
    child:wait("return vim.fn.getline(2) == '# a comment'")
    child:type("<Esc>")
    command_line(child, "later? ")
    child:type("yes<CR>")
    child:wait_output("'yes'")
  end)

  test("answer: several threads ask, one after the other", function(child)
    child:open("a.py", {
      "from concurrent.futures import ThreadPoolExecutor",
      "with ThreadPoolExecutor(2) as pool: found = sorted(pool.map(input, ['a? ', 'b? ']))",
      "found",
    })
    child:command("Replwire buffer")
    child:wait("return vim.fn.mode() == 'c' and #require('replwire.inputs').questions == 2")
    child:type("1<CR>")
    child:wait("return vim.fn.mode() == 'c' and #require('replwire.inputs').questions == 1")
    child:type("2<CR>")
    child:wait_output("['1', '2']")
  end)
end
