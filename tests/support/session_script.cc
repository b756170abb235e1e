#include "support/session_script.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <stdexcept>

namespace replwire_tests {
namespace {

using Bindings = std::map<std::string, Json>;

bool is_variable(const Json& json) {
  return json.is_string() && json.get_ref<const std::string&>().starts_with("$");
}

bool fits(const Json& expected, const Json& actual, Bindings& bindings);

bool object_fits(const Json& expected, const Json& actual, Bindings& bindings) {
  for (const auto& [key, value] : expected.items()) {
    if (!actual.contains(key) || !fits(value, actual[key], bindings)) return false;
  }
  return true;
}

bool array_fits(const Json& expected, const Json& actual, Bindings& bindings) {
  if (expected.size() != actual.size()) return false;
  for (std::size_t at = 0; at < expected.size(); ++at) {
    if (!fits(expected[at], actual[at], bindings)) return false;
  }
  return true;
}

bool fits(const Json& expected, const Json& actual, Bindings& bindings) {
  if (expected == "...") return true;
  if (is_variable(expected)) return bindings.try_emplace(expected, actual).first->second == actual;
  if (expected.is_object() && actual.is_object()) return object_fits(expected, actual, bindings);
  if (expected.is_array() && actual.is_array()) return array_fits(expected, actual, bindings);
  return expected == actual;
}

// On a copy, so that a frame that does not fit after all leaves no binding behind.
bool frame_fits(const Json& expected, const Json& actual, Bindings& bindings) {
  Bindings tried = bindings;
  if (!fits(expected, actual, tried)) return false;
  bindings = std::move(tried);
  return true;
}

std::string substituted(std::string text, const Bindings& bindings) {
  for (const auto& [name, value] : bindings) {
    const std::string quoted = '"' + name + '"';
    for (auto at = text.find(quoted); at != text.npos; at = text.find(quoted, at + 1)) {
      text.replace(at, quoted.size(), value.dump());
    }
  }
  return text;
}

std::string unescaped(std::string_view text) {
  std::string bytes;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\' || at + 1 == text.size()) {
      bytes += text[at];
      continue;
    }
    switch (text[++at]) {
      case 'n':
        bytes += '\n';
        break;
      case 'r':
        bytes += '\r';
        break;
      case 'x':
        bytes += static_cast<char>(std::stoi(std::string(text.substr(at + 1, 2)), nullptr, 16));
        at += 2;
        break;
      default:
        bytes += text[at];
    }
  }
  return bytes;
}

// One server and how far the script has come in it.
class Player {
 public:
  Player(const SessionScript& script, Strictness strictness)
      : script_(script), strictness_(strictness), server_(launch(script)) {}

  void play() {
    for (const SessionScript::Step& step : script_.steps) take(step);
    if (strictness_ == Strictness::kWhole) check_end();
  }

 private:
  static Launch launch(const SessionScript& script) {
    Launch launch{.args = script.options};
    // Not read here, so that a script may show it.
    launch.await_ready = false;
    return launch;
  }

  void take(const SessionScript::Step& step) {
    switch (step.kind) {
      case SessionScript::Kind::kSend:
        return server_.send_line(substituted(step.text, bindings_));
      case SessionScript::Kind::kSendBytes:
        return server_.send_bytes(unescaped(step.text));
      case SessionScript::Kind::kEnd:
        return server_.close_stdin();
      case SessionScript::Kind::kExpect:
        return expect(step);
    }
  }

  void expect(const SessionScript::Step& step) {
    const Json expected = Json::parse(step.text);
    std::string others;
    while (true) {
      const Json frame = next_frame(step);
      if (frame_fits(expected, frame, bindings_)) return;
      others += "\n  " + frame.dump();
      if (!may_pass_over(frame)) fail(step, "got" + others + server_.describe());
    }
  }

  Json next_frame(const SessionScript::Step& step) {
    try {
      return server_.read_frame();
    } catch (const std::runtime_error& error) {
      fail(step, error.what());
    }
  }

  [[noreturn]] void fail(const SessionScript::Step& step, const std::string& what) const {
    throw std::runtime_error(script_.name + ":" + std::to_string(step.line) + ": expected " +
                             step.text + "\n" + what);
  }

  bool may_pass_over(const Json& frame) const {
    return strictness_ == Strictness::kExcerpt || frame["type"] == "ready" ||
           frame["type"] == "output";
  }

  void check_end() {
    server_.close_stdin();
    for (const Json& frame : server_.read_to_end()) {
      if (!may_pass_over(frame)) {
        throw std::runtime_error(script_.name + ": a frame too many: " + frame.dump());
      }
    }
    EXPECT_EQ(server_.wait_exit(), script_.exit_status) << script_.name << server_.describe();
  }

  const SessionScript& script_;
  Strictness strictness_;
  ServerProcess server_;
  Bindings bindings_;
};

void parse_line(SessionScript& script, const std::string& line, int number) {
  using Kind = SessionScript::Kind;
  if (line.empty() || line[0] == '#') return;
  const auto space = line.find(' ');
  const std::string mark = line.substr(0, space);
  const std::string rest = space == line.npos ? "" : line.substr(space + 1);
  if (mark == ">") {
    script.steps.push_back({Kind::kSend, rest, number});
  } else if (mark == ">e") {
    script.steps.push_back({Kind::kSendBytes, rest, number});
  } else if (mark == ">end") {
    script.steps.push_back({Kind::kEnd, rest, number});
  } else if (mark == "<") {
    script.steps.push_back({Kind::kExpect, rest, number});
  } else if (mark == "!") {
    std::istringstream words(rest);
    for (std::string word; words >> word;) script.options.push_back(word);
  } else if (mark == "=") {
    script.exit_status = std::stoi(rest);
  } else {
    throw std::runtime_error(script.name + ":" + std::to_string(number) + ": what is " + line);
  }
}

}  // namespace

SessionScript parse_session_script(std::string name, std::string_view text, int first_line) {
  SessionScript script{.name = std::move(name)};
  std::istringstream lines{std::string(text)};
  std::string line;
  for (int number = first_line; std::getline(lines, line); ++number) {
    parse_line(script, line, number);
  }
  return script;
}

void play(const SessionScript& script, Strictness strictness) { Player(script, strictness).play(); }

}  // namespace replwire_tests
