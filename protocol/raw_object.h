#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace replwire::protocol {

// A value of a shape that no field of a request has.
struct OtherShape {};
struct StringList {
  std::vector<std::string> items;
  std::optional<std::size_t> wrong_item;  // the first one that is no string
};
using RawValue = std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, double,
                              std::string, StringList, OtherShape>;

// A request before its type is known: the members of one JSON object, nested values dropped but
// for lists of strings. No tree of the input is built: a frame costs no more memory than its text.
struct RawObject {
  std::vector<std::pair<std::string, RawValue>> members;  // a repeated name: the last one counts

  const RawValue* find(std::string_view name) const;
};

enum class ParseFailure { kInvalidJson, kNotAnObject, kTooDeep };
struct ParseError {
  ParseFailure failure;
  std::string message;
  RawObject seen;  // what had been read
};

std::variant<RawObject, ParseError> parse_object(std::string_view text, std::size_t max_depth);

}  // namespace replwire::protocol
