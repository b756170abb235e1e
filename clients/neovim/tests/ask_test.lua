--- ask: completion, documentation, definition, variables.
return function(test)
  local setup = { "def area(width, height=1):", "    'Width times height.'", "    return width * height", "größe = {'schmal': 1, 'weit': 2}" }

  local function open(child, ...)
    local lines = vim.list_extend(vim.deepcopy(setup), { ... })
    child:open("a.py", lines)
    child:lua("require('replwire').send(0, 1, 4)")
    child:idle()
    child:lua("vim.api.nvim_win_set_cursor(0, { ..., 0 })", #lines)
  end

  test("ask: completion in 'omnifunc', with kinds and signatures", function(child)
    open(child, "größe; are")
    equal(child:lua("return vim.bo.omnifunc"), "v:lua.require'replwire.ask'.omnifunc")
    child:command("set completeopt=menuone")
    child:type("A<C-x><C-o>")
    child:wait("return vim.fn.pumvisible() == 1 or vim.fn.getline('.') == 'größe; area'")
    local item = child:wait("return vim.fn.complete_info({ 'items' }).items[1]")
    equal({ item.word, item.kind, item.menu }, { "area", "f", "(width, height=1)" })
    child:type("<C-y>(2, hei<C-x><C-o>")
    child:wait("return vim.fn.getline('.') == 'größe; area(2, height='")
    child:type("<Esc>cc")
    child:type("größe['<C-x><C-o>")
    equal(child:wait([[
      local words = vim.tbl_map(function(item) return item.word end, vim.fn.complete_info({ 'items' }).items)
      return #words > 0 and words
    ]]), { "schmal", "weit" })
  end)

  test("ask: completion works while code runs", function(child)
    open(child, "input('? ')", "gr")
    child:lua("require('replwire.inputs').next = function() end require('replwire').send(0, 5, 5)")
    child:wait("return require('replwire').session(0):state() == 'waiting for input'")
    child:type("A<C-x><C-o>")
    child:wait("return vim.fn.getline('.') == 'größe'")
  end)

  test("ask: a source for nvim-cmp", function(child)
    child:lua("package.loaded.cmp = { register_source = function(name, source) registered, source_ = name, source end }")
    open(child, "größe; are")
    equal(child:lua("return registered"), "replwire")
    child:lua([[
      source_:complete({ context = { bufnr = 0, cursor = { row = 5, col = 13 } } }, function(reply) items = reply.items end)
    ]])
    local item = child:wait("return items and items[1]")
    equal({ item.label, item.kind, item.labelDetails.detail }, { "area", 3, "(width, height=1)" })
    equal(item.textEdit.range, { start = { line = 4, character = 9 }, ["end"] = { line = 4, character = 12 } })
    child:lua("source_:resolve(..., function(item) resolved = item.documentation.value end)", item)
    has(child:wait("return resolved"), "Width times height.")
  end)

  test("ask: documentation in a floating window", function(child)
    open(child, "print(area)")
    child:lua("vim.api.nvim_win_set_cursor(0, { 5, 7 })")
    child:command("Replwire inspect")
    local text = child:wait([[
      for _, window in ipairs(vim.api.nvim_list_wins()) do
        if vim.api.nvim_win_get_config(window).relative ~= "" then
          return table.concat(vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(window), 0, -1, false), "\n")
        end
      end
    ]])
    has(text, "area(width, height=1)")
    has(text, "Width times height.")
  end)

  test("ask: to the definition", function(child)
    open(child, "print(area)")
    child:lua("vim.api.nvim_win_set_cursor(0, { 5, 7 })")
    child:command("Replwire definition")
    child:wait("return vim.api.nvim_win_get_cursor(0)[1] == 1")
  end)

  test("ask: variables in a list that opens to their values", function(child)
    open(child, "table = {'rows': [10, 20]}")
    child:command("Replwire line")
    child:idle()
    child:command("Replwire variables")
    local function lines()
      return child:lua([[
        local session = require("replwire").session(0)
        return session.variables and table.concat(vim.api.nvim_buf_get_lines(session.variables.buf, 0, -1, false), "\n")
      ]])
    end
    child:wait("return #vim.api.nvim_buf_get_lines(0, 0, -1, false) == 3")
    has(lines(), "größe: dict[2] = {'schmal': 1, 'weit': 2}")
    child:command("wincmd p")
    child:command("Replwire send later = 5")
    child:wait("return #vim.api.nvim_buf_get_lines(require('replwire').session(0).variables.buf, 0, -1, false) == 4")
    if not child:lua("return require('replwire').session(0):has('variables', 'path')") then
      skip("this server has no variables.path")
    end
    child:command("wincmd p")
    child:lua("vim.fn.search('table')")
    child:type("<CR>")
    child:wait("return vim.fn.search('▸ rows', 'w') > 0")
    child:type("<CR>")
    child:wait("return vim.fn.search('= 20$', 'w') > 0")
  end)
end
