--- Questions: what `input()` and `getpass()` ask, one after the other, in the editor's own prompt.
local M = { questions = {} }

local function notify(text)
  vim.notify("replwire: " .. text)
end

local function remove(question)
  M.questions = vim.tbl_filter(function(other)
    return other ~= question
  end, M.questions)
  if M.shown == question then
    M.shown = nil
  end
  question.session:changed()
end

-- Ctrl-D ends the input, as in a terminal.
local function with_end_of_file(question, ask)
  local before = vim.fn.maparg("<C-d>", "c", false, true)
  vim.keymap.set("c", "<C-d>", function()
    question.eof = vim.fn.getcmdline() == ""
    return question.eof and "<C-c>" or "<C-d>"
  end, { expr = true })
  ask()
  vim.keymap.del("c", "<C-d>")
  if before.lhs then
    vim.fn.mapset("c", false, before)
  end
end

local function prompt_of(question)
  local prompt = question.prompt
  if prompt == "" then
    prompt = question.session.name .. " reads: "
  end
  return prompt
end

local function ask(question)
  question.shown = true
  local function take(answer)
    question.shown = false
    M.shown = nil
    if question.closed then
      notify("the question is gone: " .. prompt_of(question))
    elseif question.eof then
      M.answer(question, { eof = true })
    elseif answer then
      M.answer(question, { data = answer })
    else
      question.left = true
      notify("not answered. :Replwire answer asks again, :Replwire eof ends the input, :Replwire refuse raises an error")
    end
    M.next()
  end
  with_end_of_file(question, function()
    if question.password then
      local well, answer = pcall(vim.fn.inputsecret, { prompt = prompt_of(question), cancelreturn = vim.NIL })
      take(well and answer ~= vim.NIL and answer or nil)
    else
      vim.ui.input({ prompt = prompt_of(question) }, take)
    end
  end)
end

--- Shows the next question, unless the user is typing something else: then when that is over.
function M.next()
  if M.shown then
    return
  end
  local question = vim.iter(M.questions):find(function(candidate)
    return not candidate.left
  end)
  if not question then
    return
  end
  if vim.fn.mode():match("^[iRcr]") then
    vim.api.nvim_create_autocmd("ModeChanged", { pattern = "*:n", once = true, callback = vim.schedule_wrap(M.next) })
    return
  end
  M.shown = question
  vim.schedule(function()
    ask(question)
  end)
end

--- An `input` frame has come.
function M.open(session, frame)
  table.insert(M.questions, { id = frame.id, prompt = frame.prompt, password = frame.password, session = session })
  session:changed()
  M.next()
end

--- Answers a question with `data`, `eof` or `error`.
function M.answer(question, fields)
  remove(question)
  fields.type, fields.input_id = "input_response", question.id
  fields.session = question.session.branch
  question.session.main.server:send(fields)
end

--- The question needs no answer any more: its prompt goes away.
function M.close(id)
  for _, question in ipairs(M.questions) do
    if question.id == id then
      question.closed = true
      remove(question)
      if question.shown and vim.fn.mode() == "c" then
        vim.api.nvim_input("<C-c>")
      end
      return M.next()
    end
  end
end

--- The session is gone, and all its questions.
function M.forget(session)
  for _, question in ipairs(M.questions) do
    if question.session == session then
      M.close(question.id)
    end
  end
end

--- The oldest question that waits in a session; without a session, in any.
function M.waiting(session)
  return vim.iter(M.questions):find(function(question)
    return not session or question.session == session
  end)
end

return M
