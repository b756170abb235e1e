--- What is shown of rich forms: a picture as a file that can be opened, all else as its text.
local config = require("replwire.config")

local M = { folder = nil, count = 0 }
local kinds = { ["image/png"] = "png", ["image/jpeg"] = "jpg", ["image/gif"] = "gif", ["image/svg+xml"] = "svg" }

local function save(form, mime)
  M.folder = M.folder or vim.fn.tempname()
  vim.fn.mkdir(M.folder, "p")
  M.count = M.count + 1
  local path = ("%s/%d.%s"):format(M.folder, M.count, kinds[mime])
  local file = assert(io.open(path, "wb"))
  file:write(mime == "image/svg+xml" and form or vim.base64.decode((form:gsub("%s", ""))))
  file:close()
  return path
end

--- The lines that stand for {MIME type: form}. `show_picture(path, mime)` of the options is told of each picture.
function M.lines(data, metadata)
  for mime, kind in pairs(kinds) do
    if type(data[mime]) == "string" then
      local path = save(data[mime], mime)
      local size = metadata and metadata[mime] or {}
      local show = config.get("show_picture")
      if show then
        show(path, mime)
      end
      local pixels = type(size) == "table" and size.width and (" %s×%s"):format(size.width, size.height or "?") or ""
      return { ("[%s%s: %s]"):format(kind, pixels, path) }
    end
  end
  local text = data["text/plain"] or data["text/markdown"] or data["text/latex"] or data["text/html"] or vim.inspect(data)
  return vim.split(text, "\n")
end

return M
