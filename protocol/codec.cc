#include "protocol/codec.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "protocol/encoder.h"
#include "protocol/raw_object.h"
#include "text/base64.h"
#include "text/utf8.h"

namespace replwire::protocol {
namespace {

// What is wrong with a value, as the end of a sentence: "must be a string". Empty when nothing is.
using Complaint = std::string;

Complaint out_of_bounds(double low, double high) {
  const auto spell = [](double bound) {
    std::string text;
    text::append_number(text, static_cast<std::int64_t>(bound));
    return text;
  };
  if (std::isinf(high)) return "must be at least " + spell(low);
  return "must be from " + spell(low) + " to " + spell(high);
}

Complaint read(const RawValue& raw, std::string& out, double, double) {
  const auto* text = std::get_if<std::string>(&raw);
  if (text == nullptr) return "must be a string";
  out = *text;
  return {};
}

Complaint read(const RawValue& raw, bool& out, double low, double) {
  const auto* flag = std::get_if<bool>(&raw);
  if (low == 1 && (flag == nullptr || !*flag)) return "must be true";
  if (flag == nullptr) return "must be true or false";
  out = *flag;
  return {};
}

Complaint read(const RawValue& raw, std::int64_t& out, double low, double high) {
  constexpr auto kLargest = static_cast<std::int64_t>(kLargestInteger);
  const auto lowest = static_cast<std::int64_t>(std::max(low, -kLargestInteger));
  const auto highest = static_cast<std::int64_t>(std::min(high, kLargestInteger));
  std::int64_t value = kLargest + 1;  // what an unsigned one beyond all bounds counts as
  if (const auto* small = std::get_if<std::int64_t>(&raw)) {
    value = *small;
  } else if (const auto* large = std::get_if<std::uint64_t>(&raw)) {
    if (*large <= static_cast<std::uint64_t>(kLargest)) value = static_cast<std::int64_t>(*large);
  } else {
    return "must be an integer";
  }
  if (value < lowest || value > highest) return out_of_bounds(low, high);
  out = value;
  return {};
}

Complaint read(const RawValue& raw, double& out, double low, double high) {
  if (const auto* real = std::get_if<double>(&raw)) {
    out = *real;
  } else if (const auto* integer = std::get_if<std::int64_t>(&raw)) {
    out = static_cast<double>(*integer);
  } else if (const auto* large = std::get_if<std::uint64_t>(&raw)) {
    out = static_cast<double>(*large);
  } else {
    return "must be a number";
  }
  return out < low || out > high ? out_of_bounds(low, high) : Complaint();
}

constexpr std::size_t kLongestShown = 80;  // of a name that the client made up

// In a list or an object, at the item of that name.
Complaint inside(std::string_view name, const Complaint& complaint) {
  if (complaint.empty()) return {};
  const bool deeper = complaint.starts_with('/');
  return "/" + std::string(name.substr(0, kLongestShown)) + (deeper ? "" : ": ") + complaint;
}

// Of a repeated name the last one counts.
Complaint read(const RawValue& raw, TextMap& out, double low, double high) {
  const auto* object = std::get_if<Nested>(&raw);
  if (object == nullptr || object->is_list()) return "must be an object of strings";
  std::unordered_map<std::string, std::size_t> places;
  for (const auto& [name, value] : parse_nested(*object).members) {
    const auto [place, is_new] = places.emplace(name, out.items.size());
    if (is_new) out.items.emplace_back(name, std::string());
    const Complaint complaint =
        inside(name, read(value, out.items[place->second].second, low, high));
    if (!complaint.empty()) return complaint;
  }
  return {};
}

Complaint read(const RawValue& raw, Id& out, double, double) {
  if (const auto* text = std::get_if<std::string>(&raw)) {
    if (text->size() > kIdBytes) return "must be at most " + std::to_string(kIdBytes) + " bytes";
    out = *text;
    return {};
  }
  std::int64_t value = 0;
  if (!read(raw, value, -kLargestInteger, kLargestInteger).empty()) {
    return "must be a string or an integer within ±2^53";
  }
  out = value;
  return {};
}

Complaint read(const RawValue& raw, Base64& out, double, double) {
  const auto* text = std::get_if<std::string>(&raw);
  auto bytes = text != nullptr ? text::from_base64(*text) : std::nullopt;
  if (!bytes) return "must be base64";
  out.bytes = *std::move(bytes);
  return {};
}

template <class T>
Complaint read_items(const RawValue& raw, std::vector<T>& out, std::string_view expected,
                     double low, double high) {
  const auto* list = std::get_if<Nested>(&raw);
  if (list == nullptr || !list->is_list()) return Complaint(expected);
  for (const auto& [name, value] : parse_nested(*list).members) {
    const std::string at = std::to_string(out.size());
    const Complaint complaint = inside(at, read(value, out.emplace_back(), low, high));
    if (!complaint.empty()) return complaint;
  }
  return {};
}

Complaint read(const RawValue& raw, std::vector<std::string>& out, double low, double high) {
  return read_items(raw, out, "must be a list of strings", low, high);
}

Complaint read(const RawValue& raw, std::vector<Id>& out, double low, double high) {
  return read_items(raw, out, "must be a list", low, high);
}

Complaint read(const RawValue& raw, std::vector<Base64>& out, double low, double high) {
  return read_items(raw, out, "must be a list of strings", low, high);
}

Complaint read(const RawValue& raw, JsonOf<MapOf<AnyValue>>& out, double, double) {
  const auto* object = std::get_if<Nested>(&raw);
  if (object == nullptr || object->is_list()) return "must be an object";
  out.text = object->json;
  return {};
}

template <NamedEnum T>
Complaint read(const RawValue& raw, T& out, double, double) {
  constexpr const auto& kNames = EnumNames<T>::kNames;
  const auto* text = std::get_if<std::string>(&raw);
  const auto found =
      text == nullptr ? kNames.end() : std::find(kNames.begin(), kNames.end(), *text);
  if (found == kNames.end()) {
    Complaint expected = "must be one of";
    for (const std::string_view name : kNames) {
      expected += ' ';
      append_json(expected, name);
    }
    return expected;
  }
  out = static_cast<T>(found - kNames.begin());
  return {};
}

template <class T>
Complaint read(const RawValue& raw, std::optional<T>& out, double low, double high) {
  return read(raw, out.emplace(), low, high);
}

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

// What is wrong with a frame, behind its type: "/code: must be a string".
struct Failure {
  ErrorCode code;
  std::string message;
};

Failure at(std::string_view name, const Complaint& complaint,
           ErrorCode code = ErrorCode::kInvalidField) {
  return {code, inside(name, complaint)};
}

// A field whose value is read from its text: an object of ours, a list of such, and what may be any
// JSON, null included.
template <class T>
struct ReadFromText : std::bool_constant<FieldList<T>> {};
template <class T>
struct ReadFromText<std::optional<T>> : ReadFromText<T> {};
template <class T>
struct ReadFromText<std::vector<T>> : ReadFromText<T> {};
template <>
struct ReadFromText<JsonOf<AnyValue>> : std::true_type {};

// For which null is a value, not the absence of one.
template <class T>
constexpr bool kAnyJson = std::is_same_v<T, std::optional<JsonOf<AnyValue>>>;

using MaybeFailure = std::optional<Failure>;

template <FieldList T>
MaybeFailure read_members(const RawObject& raw, T& out, bool strict);

MaybeFailure read_text(std::string_view text, JsonOf<AnyValue>& out, bool /*strict*/) {
  out.text = text;
  return std::nullopt;
}

template <FieldList T>
MaybeFailure read_text(std::string_view text, T& out, bool strict) {
  const auto parsed = parse_object(text, kMaxDepth);
  const auto* raw = std::get_if<RawObject>(&parsed);
  if (raw == nullptr) return Failure{ErrorCode::kInvalidField, "must be an object"};
  return read_members(*raw, out, strict);
}

template <class T>
MaybeFailure read_text(std::string_view text, std::vector<T>& out, bool strict) {
  if (!text.starts_with('[')) {
    return Failure{ErrorCode::kInvalidField, "must be a list of objects"};
  }
  for (const std::string_view item : value_texts(text)) {
    const auto failure = read_text(item, out.emplace_back(), strict);
    if (failure) return at(std::to_string(out.size() - 1), failure->message, failure->code);
  }
  return std::nullopt;
}

template <class T>
MaybeFailure read_text(std::string_view text, std::optional<T>& out, bool strict) {
  return read_text(text, out.emplace(), strict);
}

template <class Owner, class T>
MaybeFailure read_field(const RawObject& raw, const Field<Owner, T>& field, Owner& owner,
                        bool strict) {
  const RawValue* value = raw.find(field.name);
  const bool null = value != nullptr && std::holds_alternative<std::nullptr_t>(*value);
  if (value == nullptr || (null && !kAnyJson<T>)) {
    if (IsOptional<T>::value) return std::nullopt;
    return at(field.name, "is missing", ErrorCode::kMissingField);
  }
  if constexpr (ReadFromText<T>::value) {
    const auto failure = read_text(raw.text_of(field.name), owner.*field.member, strict);
    return failure ? std::optional(at(field.name, failure->message, failure->code)) : std::nullopt;
  } else {
    const Complaint complaint =
        read(*value, owner.*field.member, field.bounds.low, field.bounds.high);
    return complaint.empty() ? std::nullopt : std::optional(at(field.name, complaint));
  }
}

template <class T>
concept Exclusive = requires {
  T::kExactlyOneOf;
};

// What the fields say together.
template <class T>
MaybeFailure check(const T& /*frame*/) {
  return std::nullopt;
}

template <Exclusive T>
MaybeFailure check(const T& frame) {
  int answers = 0;
  std::string names;
  for (const std::string_view name : T::kExactlyOneOf) {
    names += (names.empty() ? "/" : ", /") + std::string(name);
    for_each_field<T>([&]<class M>(const Field<T, M>& field) {
      if constexpr (IsOptional<M>::value) {
        answers += int{field.name == name && (frame.*field.member).has_value()};
      }
    });
  }
  if (answers == 1) return std::nullopt;
  if (answers == 0) return Failure{ErrorCode::kMissingField, "one of " + names + " is missing"};
  return Failure{ErrorCode::kInvalidField, "only one of " + names + " may be there"};
}

bool is_dotted_name(std::string_view text) {
  bool begins = true;  // a name
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                        static_cast<unsigned char>(c) >= 0x80;
    if (begins ? !letter : !letter && !digit && c != '.') return false;
    begins = c == '.';
  }
  return !begins;
}

template <>
MaybeFailure check(const Execute& frame) {
  if (!frame.module || is_dotted_name(*frame.module)) return std::nullopt;
  return at("module", "must be a dotted name");
}

// The first member that a frame, or an object in one, does not have.
template <class T>
MaybeFailure unknown_field(const RawObject& raw) {
  for (const auto& member : raw.members) {
    bool known = requires { T::kType; }
    &&(member.first == "type" || member.first == kSessionField);
    for_each_field<T>([&](const auto& field) { known = known || member.first == field.name; });
    if (!known) return at(member.first, "is not a field of it");
  }
  return std::nullopt;
}

template <FieldList T>
MaybeFailure read_members(const RawObject& raw, T& out, bool strict) {
  MaybeFailure failure;
  if (strict) failure = unknown_field<T>(raw);
  for_each_field<T>([&](const auto& field) {
    if (!failure) failure = read_field(raw, field, out, strict);
  });
  return failure ? failure : check(out);
}

template <class T>
constexpr bool holds_any_json() {
  bool holds = false;
  for_each_field<T>(
      [&]<class M>(const Field<T, M>& /*field*/) { holds = holds || ReadFromText<M>::value; });
  return holds;
}

template <class Frame>
std::variant<Request, Failure> read_frame(const RawObject& raw, bool strict) {
  if (!raw.surrogate_fault.empty() && !holds_any_json<Frame>()) {
    return Failure{ErrorCode::kInvalidJson, "frame: is not valid JSON: " + raw.surrogate_fault};
  }
  Frame frame{};
  const MaybeFailure failure = read_members(raw, frame, strict);
  if (!failure) return Request(std::move(frame));
  return Failure{failure->code, std::string(Frame::kType) + ": " + failure->message};
}

template <class Frame>
constexpr bool is_known(bool survive) {
  if constexpr (requires { Frame::kNeedsSurvive; }) return survive;
  return true;
}

template <class... Frames>
std::string known_types(bool survive, const std::variant<Frames...>* /*list*/) {
  std::string names;
  const auto add = [&names](std::string_view type) {
    names.append(names.empty() ? "" : ", ").append(type);
  };
  ((is_known<Frames>(survive) ? add(Frames::kType) : void()), ...);
  return names;
}

template <class... Frames>
std::optional<std::variant<Request, Failure>> read_by_type(
    std::string_view type, const RawObject& raw, bool survive, bool strict,
    const std::variant<Frames...>* /*list*/) {
  std::optional<std::variant<Request, Failure>> found;
  (void)((type == Frames::kType && is_known<Frames>(survive) &&
          (found = read_frame<Frames>(raw, strict), true)) ||
         ...);
  return found;
}

constexpr const Request* kRequests = nullptr;

std::variant<Request, Failure> read_request(const RawObject& raw, bool survive, bool strict) {
  const RawValue* value = raw.find("type");
  if (value == nullptr || std::holds_alternative<std::nullptr_t>(*value)) {
    return Failure{ErrorCode::kMissingField, "frame: /type: is missing"};
  }
  const auto* name = std::get_if<std::string>(value);
  if (name == nullptr) return Failure{ErrorCode::kInvalidField, "frame: /type: must be a string"};
  std::string type = *name;
  std::transform(type.begin(), type.end(), type.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (auto request = read_by_type(type, raw, survive, strict, kRequests))
    return *std::move(request);
  return Failure{ErrorCode::kUnknownType,
                 "frame: /type: unknown type \"" + name->substr(0, kLongestShown) +
                     "\", expected one of " + known_types(survive, kRequests)};
}

// Of a request that is in order else.
void read_session(const RawObject& raw, std::variant<Request, Failure>& request,
                  std::optional<std::string>& out) {
  const RawValue* value = raw.find(kSessionField);
  if (value == nullptr || std::holds_alternative<std::nullptr_t>(*value)) return;
  const auto* name = std::get_if<std::string>(value);
  if (name != nullptr) {
    out = *name;
  } else if (const auto* read = std::get_if<Request>(&request)) {
    const std::string type(
        std::visit([]<class Frame>(const Frame&) { return Frame::kType; }, *read));
    request = Failure{ErrorCode::kInvalidField, type + ": /session: must be a string"};
  }
}

std::optional<Id> readable_id(const RawObject& raw) {
  const RawValue* value = raw.find("id");
  Id id;
  if (value == nullptr || !read(*value, id, 0, 0).empty()) return std::nullopt;
  return id;
}

ProtocolError describe(const ParseError& error, std::int64_t line) {
  switch (error.failure) {
    case ParseFailure::kTooDeep:
      return {ErrorCode::kTooDeep,
              "frame: nested deeper than " + std::to_string(kMaxDepth) + " levels",
              readable_id(error.seen), line};
    case ParseFailure::kNotAnObject:
      return {ErrorCode::kNotAnObject, "frame: must be a JSON object", std::nullopt, line};
    case ParseFailure::kInvalidJson:
      break;
  }
  return {ErrorCode::kInvalidJson, "frame: is not valid JSON: " + error.message, std::nullopt,
          line};
}

// With --survive there can be several sessions.
template <class Frame>
void append_capability(std::string& out, bool survive) {
  append_key(out, Frame::kType);
  out.push_back('[');
  const auto append_name = [&out](std::string_view name) {
    if (out.back() != '[') out.push_back(',');
    append_json(out, name);
  };
  for_each_field<Frame>([&](const auto& field) { append_name(field.name); });
  if (survive && !names_session<Frame>()) append_name(kSessionField);
  out.push_back(']');
}

template <class... Frames>
std::string capabilities_of(bool survive, const std::variant<Frames...>* /*list*/) {
  std::string out = "{";
  ((is_known<Frames>(survive) ? append_capability<Frames>(out, survive) : void()), ...);
  out.push_back('}');
  return out;
}

}  // namespace

Decoded decode(std::string_view text, std::int64_t line, bool survive, bool strict) {
  if (!text::is_valid_utf8(text)) {
    return {ProtocolError{ErrorCode::kInvalidUtf8, "frame: is not valid UTF-8", std::nullopt, line},
            std::nullopt};
  }
  auto parsed = parse_object(text, kMaxDepth);
  if (const auto* error = std::get_if<ParseError>(&parsed))
    return {describe(*error, line), std::nullopt};
  const auto& raw = std::get<RawObject>(parsed);
  std::optional<std::string> session;
  auto request = read_request(raw, survive, strict);
  read_session(raw, request, session);
  const auto* failure = std::get_if<Failure>(&request);
  if (failure == nullptr) return {std::get<Request>(std::move(request)), std::move(session)};
  return {ProtocolError{failure->code, failure->message, readable_id(raw), line},
          std::move(session)};
}

std::string capabilities(bool survive) { return capabilities_of(survive, kRequests); }

}  // namespace replwire::protocol
