#include "server/session/recovery/death_report.h"

#include <sys/wait.h>

#include <algorithm>
#include <cstring>

#include "protocol/encoder.h"
#include "protocol/frames.h"
#include "runtime/os/stack_text.h"

namespace replwire::server {

std::optional<std::string> signal_name(const Death& death) {
  if (death.pid == 0 || !WIFSIGNALED(death.status)) return std::nullopt;
  const char* name = ::sigabbrev_np(WTERMSIG(death.status));
  return name != nullptr ? "SIG" + std::string(name) : std::to_string(WTERMSIG(death.status));
}

std::optional<std::int64_t> exit_status(const Death& death) {
  if (death.pid == 0 || !WIFEXITED(death.status)) return std::nullopt;
  return WEXITSTATUS(death.status);
}

std::string cause_of(const Death& death) {
  if (const auto name = signal_name(death)) {
    std::string text =
        "the interpreter was ended by " + *name + " (" + ::strsignal(WTERMSIG(death.status)) + ")";
    if (death.out_of_memory) text += ": the system was out of memory";
    return text;
  }
  if (const auto status = exit_status(death)) {
    return "the interpreter ended with exit status " + std::to_string(*status);
  }
  return "the interpreter could not start";
}

runtime::Report crash_report(const Death& death, const std::optional<std::string>& last_words) {
  runtime::Report report;
  report.type = "InterpreterDied";
  report.message = cause_of(death);
  report.traceback = last_words.value_or(death.traceback);
  report.frames = frames_of(report.traceback);
  return report;
}

std::string frames_of(const std::string& traceback) {
  constexpr std::string_view kHead = "(most recent call first):\n";
  const std::size_t current = traceback.find("Current thread ");
  const std::size_t head = traceback.find(kHead, current != traceback.npos ? current : 0);
  if (head == traceback.npos) return "[]";
  const std::size_t start = head + kHead.size();
  std::size_t end = start;  // of the lines that are indented
  while (end < traceback.size() && traceback.compare(end, 2, "  ") == 0) {
    end = std::min(traceback.find('\n', end), traceback.size() - 1) + 1;
  }
  const auto frames =
      runtime::stack_dump::parse_lines(std::string_view(traceback).substr(start, end - start));
  std::string json = "[";
  for (const auto& [filename, line, function] : frames.value_or(runtime::stack_dump::Frames{})) {
    if (json.size() > 1) json += ',';
    protocol::append_json(json, protocol::TracebackFrame{filename, line, {}, {}, {}, function, ""});
  }
  return json + "]";
}

}  // namespace replwire::server
