#include "protocol/raw_object.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "text/json_text.h"

namespace replwire::protocol {
namespace {

// Receives the parser's events. Past the deepest level it keeps parsing but stores nothing, so
// that an id that stands behind the nested value can still be told.
class Collector {
 public:
  Collector(std::size_t max_depth, bool takes_list)
      : max_depth_(max_depth), takes_list_(takes_list) {}

  bool null() { return scalar(nullptr, "null"); }
  bool boolean(bool value) { return scalar(value, value ? "true" : "false"); }
  bool number_integer(std::int64_t value) { return scalar(value, std::to_string(value)); }
  bool number_unsigned(std::uint64_t value) { return scalar(value, std::to_string(value)); }
  bool number_float(double value, const std::string& text) { return scalar(value, text); }
  bool string(std::string& value) {
    if (depth_ == 1) return scalar(std::move(value), {});
    if (std::string* json = next_in_nested()) text::append_quoted(*json, value);
    return true;
  }
  bool binary(nlohmann::json::binary_t& /*value*/) { return true; }  // JSON has none

  bool start_object(std::size_t /*size*/) { return open('{'); }
  bool start_array(std::size_t /*size*/) { return open('['); }
  bool end_object() { return close('}'); }
  bool end_array() { return close(']'); }

  bool key(std::string& name) {
    if (depth_ == 1) {
      if (taken_) object_.members.emplace_back(std::move(name), nullptr);
    } else if (std::string* json = next_in_nested()) {
      text::append_quoted(*json, name);
      json->push_back(':');
    }
    return true;
  }

  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::json::exception& error) {
    const std::string_view said = error.what();  // "[json.exception.parse_error.101] parse error …"
    const std::size_t end = said.find("] ");
    message_ = said.substr(end == std::string_view::npos ? 0 : end + 2);
    return false;
  }

  std::variant<RawObject, ParseError> finish(bool parsed) {
    if (too_deep_) return fail(ParseFailure::kTooDeep, {});
    if (!parsed) return fail(ParseFailure::kInvalidJson, std::move(message_));
    if (!taken_) return fail(ParseFailure::kNotAnObject, {});
    return std::move(object_);
  }

 private:
  ParseError fail(ParseFailure failure, std::string message) {
    return {failure, std::move(message), std::move(object_)};
  }

  bool scalar(RawValue value, std::string_view json) {
    if (depth_ == 1 && taken_) {
      member() = std::move(value);
    } else if (std::string* nested = next_in_nested()) {
      nested->append(json);
    }
    return true;
  }

  // Where the value goes that comes next at the first level.
  RawValue& member() {
    if (is_list_) object_.members.emplace_back();
    return object_.members.back().second;
  }

  // The text of the nested value that is being read, ready for what comes next in it; null when
  // nobody wants it.
  std::string* next_in_nested() {
    if (!taken_ || too_deep_ || depth_ < 2) return nullptr;
    std::string& json = std::get<Nested>(object_.members.back().second).json;
    const char last = json.back();
    if (last != '[' && last != '{' && last != ':') json.push_back(',');
    return &json;
  }

  bool open(char bracket) {
    if (depth_ == 0) {
      is_list_ = bracket == '[';
      taken_ = !is_list_ || takes_list_;
    } else if (depth_ == 1 && taken_) {
      member() = Nested{std::string(1, bracket)};
    } else if (std::string* json = next_in_nested()) {
      json->push_back(bracket);
    }
    ++depth_;
    too_deep_ = too_deep_ || depth_ > max_depth_;
    return true;
  }
  bool close(char bracket) {
    if (depth_ > 1 && taken_ && !too_deep_) {
      std::get<Nested>(object_.members.back().second).json.push_back(bracket);
    }
    --depth_;
    return true;
  }

  std::size_t max_depth_;
  bool takes_list_;
  std::size_t depth_ = 0;
  bool is_list_ = false;
  bool taken_ = false;  // it is what was asked for
  bool too_deep_ = false;
  RawObject object_;
  std::string message_;
};

// Steps over the values of JSON that is known to be valid.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {}

  // True: of an object, whose values have keys.
  bool enter() {
    skip(" \t\r\n");
    return text_[at_++] == '{';
  }
  void to_next(bool keyed) {
    skip(" \t\r\n,");
    if (!keyed || at_end()) return;
    value();
    skip(" \t\r\n:");
  }
  bool at_end() const { return at_ >= text_.size() || text_[at_] == ']' || text_[at_] == '}'; }

  std::string_view value() {
    const std::size_t start = at_;
    std::size_t depth = 0;
    do {
      const char c = text_[at_];
      if (c == '"') {
        string();
      } else if (c == '[' || c == '{') {
        ++depth;
        ++at_;
      } else if (c == ']' || c == '}') {
        --depth;
        ++at_;
      } else {
        at_ = std::min(text_.find_first_of(depth > 0 ? "\"[]{}" : " \t\r\n,]}", at_), text_.size());
      }
    } while (depth > 0);
    return text_.substr(start, at_ - start);
  }

 private:
  void skip(std::string_view any) {
    at_ = std::min(text_.find_first_not_of(any, at_), text_.size());
  }
  void string() {
    for (++at_; text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// The number of a "\uXXXX" that begins there; none: something else does.
std::optional<unsigned> escape_at(std::string_view text, std::size_t at) {
  if (text.substr(at, 2) != "\\u" || text.size() < at + 6) return std::nullopt;
  unsigned code = 0;
  const char* end = text.data() + at + 6;
  if (std::from_chars(text.data() + at + 2, end, code, 16).ptr != end) return std::nullopt;
  return code;
}

bool is_high(std::optional<unsigned> code) { return code && *code >= 0xD800 && *code < 0xDC00; }
bool is_low(std::optional<unsigned> code) { return code && *code >= 0xDC00 && *code < 0xE000; }

// The same text with U+FFFD for each lone surrogate, at the same places; none: there is no such.
std::optional<std::string> without_lone_surrogates(std::string_view text) {
  std::optional<std::string> copy;
  std::size_t at = 0;
  while ((at = text.find('\\', at)) != std::string_view::npos) {
    const auto code = escape_at(text, at);
    if (is_high(code) && is_low(escape_at(text, at + 6))) {
      at += 12;
    } else if (is_high(code) || is_low(code)) {
      if (!copy) copy = text;
      copy->replace(at, 6, "\\ufffd");
      at += 6;
    } else {
      at += 2;
    }
  }
  return copy;
}

std::variant<RawObject, ParseError> collect(std::string_view text, std::size_t max_depth) {
  Collector collector(max_depth, false);
  const bool parsed = nlohmann::json::sax_parse(text, &collector);
  return collector.finish(parsed);
}

}  // namespace

const RawValue* RawObject::find(std::string_view name) const {
  const auto found = std::find_if(members.rbegin(), members.rend(),
                                  [name](const auto& member) { return member.first == name; });
  return found == members.rend() ? nullptr : &found->second;
}

std::string_view RawObject::text_of(std::string_view name) const {
  const auto found = std::find_if(members.rbegin(), members.rend(),
                                  [name](const auto& member) { return member.first == name; });
  if (found == members.rend()) return {};
  return value_texts(text)[static_cast<std::size_t>(members.rend() - found) - 1];
}

std::vector<std::string_view> value_texts(std::string_view container) {
  std::vector<std::string_view> values;
  Walker walker(container);
  const bool keyed = walker.enter();
  for (walker.to_next(keyed); !walker.at_end(); walker.to_next(keyed)) {
    values.push_back(walker.value());
  }
  return values;
}

std::variant<RawObject, ParseError> parse_object(std::string_view text, std::size_t max_depth) {
  auto parsed = collect(text, max_depth);
  if (const auto* error = std::get_if<ParseError>(&parsed)) {
    if (error->failure != ParseFailure::kInvalidJson) return parsed;
    const auto readable = without_lone_surrogates(text);
    auto again = readable ? collect(*readable, max_depth) : parsed;
    if (std::holds_alternative<ParseError>(again)) return parsed;
    std::get<RawObject>(again).surrogate_fault = error->message;
    parsed = std::move(again);
  }
  std::get<RawObject>(parsed).text = text;
  return parsed;
}

RawObject parse_nested(const Nested& nested) {
  Collector collector(std::numeric_limits<std::size_t>::max(), true);
  const bool parsed = nlohmann::json::sax_parse(nested.json, &collector);
  return std::get<RawObject>(collector.finish(parsed));
}

}  // namespace replwire::protocol
