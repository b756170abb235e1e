#include "server/system/options.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <iomanip>
#include <numeric>
#include <sstream>
#include <string_view>
#include <tuple>
#include <utility>

#include "protocol/frames.h"
#include "protocol/schema.h"
#include "server/system/sandbox/add_options.h"
#include "server/system/units.h"

namespace replwire::server {
namespace {

constexpr int kWrongUsage = 2;

// CLI::Range would let "nan" pass. Leaves seconds.
CLI::Validator seconds_from(const std::string& least) {
  return {[least](std::string& text) {
            const auto time = in_units(text, kTimes);
            if (!time || !(*time >= std::stod(least)) || *time > protocol::kLongestTime) {
              return "must be from " + least + " to 1000000000 seconds, not " + text;
            }
            std::ostringstream seconds;
            seconds << std::setprecision(17) << *time;
            text = seconds.str();
            return std::string();
          },
          ""};
}

// CLI's own would name the largest double as the other bound.
CLI::Validator at_least(std::int64_t least) {
  return {[least](std::string& text) {
            std::int64_t number = 0;
            const bool fine = CLI::detail::lexical_cast(text, number) && number >= least;
            return fine ? std::string()
                        : "must be a whole number from " + std::to_string(least) + ", not " + text;
          },
          ""};
}

// Leaves bytes.
CLI::Validator bytes_from(std::int64_t least) {
  return {[least](std::string& text) {
            const auto size = in_units(text, kSizes);
            constexpr double kMost = 1e18;
            if (!size || !(*size >= static_cast<double>(least)) || *size > kMost) {
              return "must be bytes from " + std::to_string(least) + ", or such as 512M, not " +
                     text;
            }
            text = std::to_string(static_cast<std::int64_t>(*size));
            return std::string();
          },
          ""};
}

// How many characters differ, at least.
std::size_t distance(std::string_view one, std::string_view other) {
  std::vector<std::size_t> row(other.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < one.size(); ++i) {
    std::size_t before = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < other.size(); ++j) {
      const std::size_t changed = before + (one[i] == other[j] ? 0 : 1);
      before = std::exchange(row[j + 1], std::min({row[j] + 1, row[j + 1] + 1, changed}));
    }
  }
  return row.back();
}

// Of a word that is no option: the one that it was meant to be, perhaps.
std::string unexpected(const CLI::App& app, const std::string& word) {
  if (!word.starts_with("-")) return word + ": not an option; code comes on standard input";
  const std::string name = word.substr(0, word.find('='));
  std::string nearest;
  std::size_t least = 4;
  for (const CLI::Option* option : app.get_options()) {
    const std::string known = "--" + option->get_single_name();
    if (const std::size_t far = distance(name, known); far < least) {
      std::tie(nearest, least) = std::pair(known, far);
    }
  }
  return name + ": no such option" + (nearest.empty() ? "" : "; did you mean " + nearest + "?");
}

std::string failure_text(const CLI::App* app, const CLI::Error& error) {
  const auto extra = app->remaining();
  const bool is_extra = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError);
  const std::string what = is_extra && !extra.empty() ? unexpected(*app, extra[0]) : error.what();
  return "replwire: " + what + "\nSee replwire --help.\n";
}

// Only what changes how Python behaves: what to run is the session's affair.
std::string wrong_switch(const std::vector<std::string>& switches) {
  for (std::size_t i = 0; i < switches.size(); ++i) {
    const std::string& text = switches[i];
    const std::size_t letter = text.find_first_not_of("bBdEIOPqRsSuv", 1);
    const bool takes_value = text == "--check-hash-based-pycs" ||
                             (letter != text.npos && (text[letter] == 'X' || text[letter] == 'W'));
    const bool known = text.size() > 1 && text[0] == '-' && (letter == text.npos || takes_value);
    if (!known) return "-- " + text + ": not a switch of Python that a session can have";
    if (!takes_value || (text[1] != '-' && letter + 1 < text.size())) continue;
    if (++i == switches.size()) return "-- " + text + ": a value is missing";
  }
  return {};
}

// Where and in what the session runs.
void add_surroundings(CLI::App& app, Options& options) {
  app.add_option("--python", options.python,
                 "Interpreter, virtual environment, or name on PATH to run the session in")
      ->type_name("PATH")
      ->take_last();  // the Python package's command says its own first
  app.add_option_function<std::string>(
         "--prefer",
         [&options](const std::string& how) { options.prefer_embedded = how == "embedded"; },
         "If the chosen Python is also the built-in one: become that interpreter by exec, or run "
         "the "
         "embedded copy (default: exec)")
      ->type_name("WAY")
      ->check(CLI::IsMember({"embedded", "exec"}))
      ->take_last();
  app.add_option("--cwd", options.cwd, "Folder in which the session runs")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory);
  app.add_option("--startup", options.startup, "Python file to run before `ready`")
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  app.add_option("--restore", options.restore, "Load variables from FILE, if it is there, at first")
      ->type_name("FILE");
  app.add_option("--autosave", options.autosave, "Save the variables to FILE when they may change")
      ->type_name("FILE");
  app.add_option("--autosave-every", options.autosave_every, "How long after that, at most")
      ->type_name("TIME")
      ->transform(seconds_from("0.01"))
      ->capture_default_str();
  app.add_option("--record", options.record, "Write every frame of both directions to FILE")
      ->type_name("FILE");
}

void add_bounds(CLI::App& app, Options& options) {
  app.add_option("--max-frame-bytes", options.max_frame_bytes, "Longest line that is taken")
      ->type_name("SIZE")
      ->transform(bytes_from(1))
      ->capture_default_str();
  app.add_option("--queue-limit", options.queue_limit, "Most executions that may wait")
      ->type_name("N")
      ->check(at_least(0));
  app.add_option("--queue-bytes", options.queue_bytes, "Stop reading while more of them wait")
      ->type_name("SIZE")
      ->transform(bytes_from(1))
      ->capture_default_str();
  app.add_option("--output-buffer", options.output_buffer,
                 "Code that prints waits when the client is behind by more")
      ->type_name("SIZE")
      ->transform(bytes_from(1))
      ->capture_default_str();
  app.add_option("--output-limit", options.output_limit,
                 "Of longer output of an execution only head and tail arrive")
      ->type_name("SIZE")
      ->transform(bytes_from(0));
}

void add_options(CLI::App& app, Options& options) {
  app.add_option("--timeout", options.timeout,
                 "Interrupt an execution that takes longer (0: none); `execute` may say otherwise")
      ->type_name("TIME")
      ->transform(seconds_from("0"));
  app.add_option(
         "--exit-timeout", options.exit_timeout,
         "How long Python's own end may take: threads, atexit, files (0: as long as it does)")
      ->type_name("TIME")
      ->transform(seconds_from("0"))
      ->capture_default_str();
  app.add_option("--on-stuck", options.on_stuck,
                 "What to do when one cannot be interrupted: wait for it, or exit with 70")
      ->check(CLI::IsMember({"wait", "exit"}))
      ->capture_default_str();
  app.add_option("--memory-limit", options.memory_limit,
                 "MemoryError for an execution that would take the process beyond it")
      ->type_name("SIZE")
      ->transform(bytes_from(1));
  app.add_option("--heartbeat", options.heartbeat, "Say at this interval what the session is doing")
      ->type_name("TIME")
      ->transform(seconds_from("0.01"));
  app.add_option_function<std::string>(
         "--complete", [&options](const std::string& /*how*/) { options.jedi = true; },
         "Static analysis adds to what `complete` finds")
      ->type_name("jedi")
      ->check(CLI::IsMember({"jedi"}));
  app.add_option("--ipython", options.ipython,
                 "IPython's magics, In and Out, hooks and formatters; auto: where it is installed")
      ->type_name("WHEN")
      ->expected(0, 1)
      ->default_str("always")
      ->take_last()
      ->check(CLI::IsMember({"always", "auto", "never"}));
  app.add_option("--figure-format", options.figure_format, "How figures of matplotlib arrive")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"png", "svg"}))
      ->capture_default_str();
  app.add_option("--position-encoding", options.position_encoding,
                 "What columns and cursor positions count: code points, UTF-16 units or bytes")
      ->type_name("ENCODING")
      ->check(CLI::IsMember({"utf-8", "utf-16", "utf-32"}))
      ->capture_default_str();
  app.add_option("--width", options.width, "How many columns the client's window has")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, static_cast<std::int64_t>(protocol::kMostCells)));
}

void add_survival(CLI::App& app, Options& options) {
  app.add_flag("--survive", options.survive,
               "Keep snapshots of the interpreter: a crash costs one execution, not the variables");
  app.add_option(
         "--survive-level", options.survive_level,
         "Tell a result when a snapshot has what it changed (safe), or before; the snapshot is "
         "then taken at once (early), or when nothing else is to be done (fast)")
      ->type_name("LEVEL")
      ->take_last()  // the Jupyter kernel's command says its own first
      ->check(CLI::IsMember({"safe", "early", "fast"}))
      ->capture_default_str();
  app.add_option("--snapshots", options.snapshots, "How many of them, with --survive")
      ->type_name("N")
      ->check(at_least(1))
      ->capture_default_str();
  app.add_option("--snapshot-limit", options.snapshot_limit,
                 "Of an interpreter that holds more, only checkpoints are taken")
      ->type_name("SIZE")
      ->transform(bytes_from(0))
      ->capture_default_str();
}

void add_sessions(CLI::App& app, Options& options) {
  app.add_option("--sessions", options.sessions,
                 "How many there may be at a time, with --survive: the first one and its branches")
      ->type_name("N")
      ->check(at_least(1))
      ->capture_default_str();
}

void add_end_and_log(CLI::App& app, Options& options) {
  app.add_flag("--leave-children", options.leave_children,
               "Processes that the session started go on when it ends");
  app.add_flag("--fail-on-error", options.fail_on_error, "Exit with 1 when an execution failed");
  app.add_flag("--stop-on-error", options.stop_on_error, "An error ends all later executions");
  app.add_flag("--strict", options.strict,
               "Refuse requests with fields that they do not have, for writers of clients");
  app.add_option("--log", options.log, "Write diagnostics to FILE, or to standard error (-)")
      ->type_name("FILE|-");
}

}  // namespace

std::variant<Options, int> parse_options(int argc, char** argv) {
  Options options;
  CLI::App app(
      "A Python session over pipes: takes JSON lines on standard input, answers with JSON lines\n"
      "on standard output, and turns every input() into a question to the client.",
      "replwire");
  app.set_version_flag("--version", "replwire " REPLWIRE_VERSION);
  app.add_flag_callback(
      "--schema", [] { throw CLI::CallForVersion(protocol::schema(), 0); },
      "Print the JSON Schema of all frames");
  app.footer(
      "Try it:\n"
      "  echo '{\"type\":\"execute\",\"code\":\"1+1\"}' | replwire\n\n"
      "The session runs in the Python that --python names, else VIRTUAL_ENV, else CONDA_PREFIX,\n"
      "else a .venv in the working directory or above it, else the Python that replwire was\n"
      "installed into or holds.\n\n"
      "A SIZE is in bytes or such as 64K, 512M, 2G; a TIME in seconds or such as 200ms, 10m, "
      "1h.\n\n"
      "What follows `--` are switches of Python: replwire -- -X dev -W error\n\n"
      "The frames are described in docs/protocol.md.");
  app.failure_message(failure_text);
  add_surroundings(app, options);
  add_bounds(app, options);
  add_options(app, options);
  add_survival(app, options);
  add_sessions(app, options);
  add_end_and_log(app, options);
  add_sandbox_options(app, options);
  char** const end = std::find_if(argv + 1, argv + argc,
                                  [](const char* word) { return std::string_view(word) == "--"; });
  if (end != argv + argc) options.switches.assign(end + 1, argv + argc);
  try {
    app.parse(static_cast<int>(end - argv), argv);
    if (const std::string wrong = wrong_switch(options.switches); !wrong.empty()) {
      throw CLI::ValidationError(wrong);
    }
    if (const std::string wrong = wrong_sandbox(options); !wrong.empty()) {
      throw CLI::ValidationError(wrong);
    }
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUsage;
  }
  return options;
}

}  // namespace replwire::server
