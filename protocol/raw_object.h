#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace replwire::protocol {

struct Nested {  // a list or an object
  std::string json;

  bool is_list() const { return json.starts_with('['); }
};
using RawValue =
    std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, double, std::string, Nested>;

// A request before its type is known: the members of one JSON object, nested values as text. No
// tree of the input is built: a frame costs no more memory than its text.
struct RawObject {
  std::vector<std::pair<std::string, RawValue>> members;  // a repeated name: the last one counts
  std::string_view text;
  // JSON has no lone surrogates, yet "\ud800" can be written. It stands in `text`, and as U+FFFD in
  // `members`; this is what a strict parser says of it. Empty: there is none.
  std::string surrogate_fault;

  const RawValue* find(std::string_view name) const;
  // The value as it came; empty when there is none of that name.
  std::string_view text_of(std::string_view name) const;
};

// The texts of what a valid array or object holds, in their order, white space around them apart.
std::vector<std::string_view> value_texts(std::string_view container);

enum class ParseFailure { kInvalidJson, kNotAnObject, kTooDeep };
struct ParseError {
  ParseFailure failure;
  std::string message;
  RawObject seen;  // what had been read
};

// The object refers to `text`.
std::variant<RawObject, ParseError> parse_object(std::string_view text, std::size_t max_depth);

// What is in a nested value: the members of an object, the items of a list without names.
RawObject parse_nested(const Nested& nested);

}  // namespace replwire::protocol
