#include "protocol/raw_object.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>
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

}  // namespace

const RawValue* RawObject::find(std::string_view name) const {
  const auto found = std::find_if(members.rbegin(), members.rend(),
                                  [name](const auto& member) { return member.first == name; });
  return found == members.rend() ? nullptr : &found->second;
}

std::variant<RawObject, ParseError> parse_object(std::string_view text, std::size_t max_depth) {
  Collector collector(max_depth, false);
  const bool parsed = nlohmann::json::sax_parse(text, &collector);
  return collector.finish(parsed);
}

std::string json_of(const RawValue& value) {
  std::string json;
  const auto append = [&json]<class T>(const T& each) {
    if constexpr (std::is_same_v<T, Nested>) {
      json = each.json;
    } else if constexpr (std::is_same_v<T, std::string>) {
      text::append_quoted(json, each);
    } else if constexpr (std::is_same_v<T, double>) {
      text::append_number(json, each);
    } else if constexpr (std::is_same_v<T, bool>) {
      json = each ? "true" : "false";
    } else if constexpr (std::is_same_v<T, std::nullptr_t>) {
      json = "null";
    } else {
      json = std::to_string(each);
    }
  };
  std::visit(append, value);
  return json;
}

RawObject parse_nested(const Nested& nested) {
  Collector collector(std::numeric_limits<std::size_t>::max(), true);
  const bool parsed = nlohmann::json::sax_parse(nested.json, &collector);
  return std::get<RawObject>(collector.finish(parsed));
}

}  // namespace replwire::protocol
