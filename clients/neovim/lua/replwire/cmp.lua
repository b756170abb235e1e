--- A source for nvim-cmp: it registers itself, as "replwire", when the first session starts.
local ask = require("replwire.ask")

local Source = {}
Source.__index = Source

function Source.register()
  if not Source.registered and package.loaded.cmp then
    Source.registered = true
    package.loaded.cmp.register_source("replwire", setmetatable({}, Source))
  end
end

function Source:is_available()
  return require("replwire").session(0) ~= nil
end

function Source:get_debug_name()
  return "replwire"
end

function Source:get_position_encoding_kind()
  return "utf-8"
end

function Source:get_trigger_characters()
  return { ".", "[", "(", "'", '"', "/" }
end

-- Of the language server protocol: CompletionItemKind.
local kinds = { ["function"] = 3, class = 7, module = 9, instance = 6, property = 10, keyword = 14, param = 6, key = 5, path = 17, statement = 14 }

function Source:complete(parameters, callback)
  local session = require("replwire").session(0)
  local at = parameters.context.cursor
  local code, cursor, before, line = ask.context(parameters.context.bufnr, at.row, at.col - 1)
  session:request({ type = "complete", code = code, cursor_pos = cursor }, function(reply)
    if not reply or reply.cursor_start < before then
      return callback()
    end
    local from, to = vim.fn.byteidx(line, reply.cursor_start - before), vim.fn.byteidx(line, reply.cursor_end - before)
    local range = { start = { line = at.row - 1, character = from }, ["end"] = { line = at.row - 1, character = to } }
    local items = {}
    for index, item in ipairs(ask.items(reply)) do
      items[index] = {
        label = item.word,
        kind = kinds[item.type] or 1,
        labelDetails = { detail = item.menu },
        sortText = ("%05d"):format(index),
        filterText = item.word,
        textEdit = { range = range, newText = item.word },
      }
    end
    callback({ items = items, isIncomplete = reply.partial or false })
  end)
end

--- The documentation of the item that is selected.
function Source:resolve(item, callback)
  local session = require("replwire").session(0)
  local line = item.textEdit and vim.api.nvim_get_current_line():sub(1, item.textEdit.range.start.character) or ""
  local code = line:match("[%w_%.]*$") .. item.label
  session:request({ type = "inspect", code = code, cursor_pos = vim.fn.strchars(code) }, function(reply)
    if reply and reply.found then
      item.documentation = { kind = "markdown", value = reply.data["text/markdown"] or reply.data["text/plain"] }
    end
    callback(item)
  end)
end

return Source
