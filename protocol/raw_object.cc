#include "protocol/raw_object.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace replwire::protocol {
namespace {

// Receives the parser's events. Past the deepest level it keeps parsing but stores nothing, so
// that an id that stands behind the nested value can still be told.
class Collector {
 public:
  explicit Collector(std::size_t max_depth) : max_depth_(max_depth) {}

  bool null() { return scalar(nullptr); }
  bool boolean(bool value) { return scalar(value); }
  bool number_integer(std::int64_t value) { return scalar(value); }
  bool number_unsigned(std::uint64_t value) { return scalar(value); }
  bool number_float(double value, const std::string& /*text*/) { return scalar(value); }
  bool string(std::string& value) { return scalar(std::move(value)); }
  bool binary(nlohmann::json::binary_t& /*value*/) { return scalar(OtherShape{}); }

  bool start_object(std::size_t /*size*/) {
    if (depth_ == 0) is_object_ = true;
    return open(OtherShape{});
  }
  bool start_array(std::size_t /*size*/) { return open(StringList{}); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    if (depth_ == 1) object_.members.emplace_back(std::move(name), nullptr);
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
    if (!is_object_) return fail(ParseFailure::kNotAnObject, {});
    return std::move(object_);
  }

 private:
  ParseError fail(ParseFailure failure, std::string message) {
    return {failure, std::move(message), is_object_ ? std::move(object_) : RawObject{}};
  }

  bool scalar(RawValue value) {
    if (!is_object_ || depth_ == 0) return true;
    if (depth_ == 1) {
      object_.members.back().second = std::move(value);
    } else if (depth_ == 2) {
      add_item(std::move(value));
    }
    return true;
  }

  void add_item(RawValue value) {
    auto* list = std::get_if<StringList>(&object_.members.back().second);
    if (list == nullptr || list->wrong_item) return;
    if (auto* item = std::get_if<std::string>(&value)) {
      list->items.push_back(std::move(*item));
    } else {
      list->wrong_item = list->items.size();
    }
  }

  bool open(RawValue value) {
    scalar(std::move(value));
    ++depth_;
    too_deep_ = too_deep_ || depth_ > max_depth_;
    return true;
  }
  bool close() {
    --depth_;
    return true;
  }

  std::size_t max_depth_;
  std::size_t depth_ = 0;
  bool is_object_ = false;
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
  Collector collector(max_depth);
  const bool parsed = nlohmann::json::sax_parse(text, &collector);
  return collector.finish(parsed);
}

}  // namespace replwire::protocol
