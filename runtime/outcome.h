#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

// How a Run ended. JSON texts are whole values, ready for a frame.
namespace replwire::runtime {

// How a value shows.
struct Presentation {
  std::optional<std::string> repr;              // cut to the Run's repr_limit
  std::optional<std::int64_t> repr_characters;  // the whole length, when it was cut
  std::optional<std::string> value;             // JSON, when the value is plain data
  std::optional<std::string> display;           // JSON {MIME type: …}, when repr is not all
  std::optional<std::string> display_metadata;  // JSON object, when the forms said something
};

struct Failure {
  std::string type;
  std::string message;
};

struct ExpressionValue {
  std::string name;
  Presentation value;
  std::optional<Failure> failure;  // instead
};

struct Completed {
  Presentation value;
  std::vector<ExpressionValue> expressions;
};

// What an exception says of itself.
struct Report {
  std::string type;
  std::string message;
  std::optional<std::string> syntax_message;  // without its place
  std::string traceback;
  std::string frames = "[]";          // JSON list
  std::optional<std::string> notes;   // JSON list of strings
  std::optional<std::string> causes;  // JSON list
};

struct Raised {
  Report report;
};
struct Interrupted {  // by KeyboardInterrupt
  Report report;
};
struct OutOfMemory {
  Report report;
};
struct Exited {  // by SystemExit
  Report report;
  std::string exit_code;  // JSON: integer, string or null
};

// What came of a file of variables.
struct Skipped {
  std::string name;
  std::string reason;
};
struct Saved {
  std::string path;
  std::int64_t bytes;
  std::vector<std::string> names;
  std::vector<Skipped> skipped;
};
struct Loaded {
  std::vector<std::string> names;
  std::vector<Skipped> skipped;
};

using Outcome = std::variant<Completed, Raised, Interrupted, OutOfMemory, Exited, Saved, Loaded>;

}  // namespace replwire::runtime
