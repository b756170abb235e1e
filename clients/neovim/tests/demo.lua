-- The configuration that the picture of the README is recorded with.
vim.opt.runtimepath:prepend("/replwire/clients/neovim")
vim.g.replwire = { command = { "/replwire/build/replwire", "--python", "/usr/bin/python3" }, height = 11 }
vim.o.completeopt = "menuone"
vim.opt.shortmess:append("I")
vim.keymap.set("n", "<Space>l", "<Plug>(replwire-line)")
vim.keymap.set("n", "<Space>b", "<Plug>(replwire-block)")
vim.cmd("syntax on | filetype plugin on")
vim.diagnostic.config({ virtual_text = false, underline = true, signs = true })
