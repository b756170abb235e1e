-- What is there before anything is used: a command and <Plug> mappings. All else is loaded at the first use.
if vim.g.loaded_replwire or vim.fn.has("nvim-0.10") == 0 then
  return
end
vim.g.loaded_replwire = true

vim.api.nvim_create_user_command("Replwire", function(arguments)
  require("replwire.command").run(arguments)
end, {
  nargs = "*",
  range = true,
  bang = true,
  desc = "Python sessions of replwire: see :help replwire",
  complete = function(...)
    return require("replwire.command").complete(...)
  end,
})

local function plug(name, mode)
  vim.keymap.set(mode or "n", "<Plug>(replwire-" .. name .. ")", function()
    return require("replwire.command").plug(name)
  end, { expr = name == "operator", desc = "replwire: " .. name })
end
for name in
  ("line block cell cell-next buffer main file operator output clear interrupt restart stop undo checkpoint restore "
    .. "inspect definition variables status traceback answer eof refuse sessions"):gmatch("%S+")
do
  plug(name)
end
plug("selection", "x")
