#include "protocol/schema.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include "protocol/encoder.h"
#include "protocol/frames.h"

namespace replwire::protocol {
namespace {

template <class T>
struct Of {};

// All frames but those of the process as a whole.
template <class T>
constexpr bool kHasSession = false;
template <class T>
requires(requires { T::kType; }) constexpr bool kHasSession<T> = !names_session<T>() &&
                                                                 !std::is_same_v<T, Ready> &&
                                                                 !std::is_same_v<T, Fatal>;

template <class T>
concept Exclusive = requires {
  T::kExactlyOneOf;
};

std::string quoted(std::string_view text) {
  std::string out;
  append_json(out, text);
  return out;
}

std::string listed(std::span<const std::string_view> names) {
  std::string out = "[";
  for (const std::string_view name : names) out += (out.size() > 1 ? "," : "") + quoted(name);
  return out + "]";
}

std::string ref(std::string_view name) {
  return R"({"$ref":"#/$defs/)" + std::string(name) + R"("})";
}

std::string any_of(const std::string& alternatives) {
  return R"({"anyOf":[)" + alternatives + "]}";
}

std::string or_null(const std::string& schema) { return any_of(schema + R"(,{"type":"null"})"); }

// All bounds are whole numbers.
std::string number(std::string_view type, double low, double high) {
  std::string out = R"({"type":)" + quoted(type);
  const auto add = [&out](std::string_view key, double bound) {
    if (std::isinf(bound)) return;
    out += ',' + quoted(key) + ':';
    text::append_number(out, static_cast<std::int64_t>(bound));
  };
  add("minimum", low);
  add("maximum", high);
  return out + '}';
}

// A schema for each type that a field may have, and the definitions that these refer to.
class Schema {
 public:
  std::string of(Of<std::string> /*type*/, const Bounds& bounds) {
    return bounds.names.empty() ? R"({"type":"string"})"
                                : R"({"enum":)" + listed(bounds.names) + "}";
  }
  std::string of(Of<std::string_view> /*type*/, const Bounds& bounds) {
    return of(Of<std::string>(), bounds);
  }
  std::string of(Of<bool> /*type*/, const Bounds& bounds) {
    return bounds.low == 1 ? R"({"const":true})" : R"({"type":"boolean"})";
  }
  std::string of(Of<std::int64_t> /*type*/, const Bounds& bounds) {
    if (!requests_) return number("integer", bounds.low, bounds.high);
    return number("integer", std::max(bounds.low, -kLargestInteger),
                  std::min(bounds.high, kLargestInteger));
  }
  std::string of(Of<double> /*type*/, const Bounds& bounds) {
    return number("number", bounds.low, bounds.high);
  }
  std::string of(Of<std::nullptr_t> /*type*/, const Bounds& /*bounds*/) {
    return R"({"type":"null"})";
  }
  std::string of(Of<Base64> /*type*/, const Bounds& /*bounds*/) {
    return R"({"type":"string","contentEncoding":"base64"})";
  }
  std::string of(Of<AnyValue> /*type*/, const Bounds& /*bounds*/) { return "{}"; }
  std::string of(Of<Id> /*type*/, const Bounds& /*bounds*/) {
    const std::string text = R"({"type":"string","maxLength":)" + std::to_string(kIdBytes) + "}";
    const Bounds exact = {-kLargestInteger, kLargestInteger, {}};
    define("id", [&] { return any_of(text + ',' + of(Of<std::int64_t>(), exact)); });
    return ref("id");
  }
  template <NamedEnum T>
  std::string of(Of<T> /*type*/, const Bounds& /*bounds*/) {
    return R"({"enum":)" + listed(EnumNames<T>::kNames) + "}";
  }
  template <class T>
  std::string of(Of<std::optional<T>> /*type*/, const Bounds& bounds) {
    return of(Of<T>(), bounds);
  }
  template <class T>
  std::string of(Of<Nullable<T>> /*type*/, const Bounds& bounds) {
    return or_null(of(Of<T>(), bounds));
  }
  template <class T>
  std::string of(Of<std::vector<T>> /*type*/, const Bounds& bounds) {
    return R"({"type":"array","items":)" + of(Of<T>(), bounds) + "}";
  }
  template <class T>
  std::string of(Of<MapOf<T>> /*type*/, const Bounds& bounds) {
    return R"({"type":"object","additionalProperties":)" + of(Of<T>(), bounds) + "}";
  }
  std::string of(Of<TextMap> /*type*/, const Bounds& bounds) {
    return of(Of<MapOf<std::string>>(), bounds);
  }
  template <class Shape, class Text>
  std::string of(Of<JsonOf<Shape, Text>> /*type*/, const Bounds& bounds) {
    return of(Of<Shape>(), bounds);
  }
  template <class... T>
  std::string of(Of<std::variant<T...>> /*type*/, const Bounds& bounds) {
    std::string out;
    ((out += (out.empty() ? "" : ",") + of(Of<T>(), bounds)), ...);
    return any_of(out);
  }
  template <FieldList T>
  std::string of(Of<T> /*type*/, const Bounds& /*bounds*/) {
    define(T::kName, [this] { return object<T>({}); });
    return ref(T::kName);
  }

  // Each frame, and `name` for any of them. In a request a null counts as absent, and no integer
  // beyond 2^53 is taken.
  template <class... Frames>
  void frames(std::string_view name, bool requests, const std::variant<Frames...>* /*list*/) {
    requests_ = requests;
    std::string any;
    const auto add = [&]<class Frame>(Of<Frame> /*type*/) {
      define(name_of<Frame>(), [&] { return object<Frame>(Frame::kType); });
      any += (any.empty() ? "" : ",") + ref(name_of<Frame>());
    };
    (add(Of<Frames>()), ...);
    define(name, [&] { return any_of(any); });
  }

  std::string text() const {
    return R"({"$schema":"https://json-schema.org/draft/2020-12/schema","title":"replwire, protocol )" +
           std::to_string(kVersion) + R"(","anyOf":[)" + ref("request") + ',' + ref("event") +
           R"(],"$defs":{)" + definitions_ + "}}";
  }

 private:
  template <class T>
  struct IsOptional : std::false_type {};
  template <class T>
  struct IsOptional<std::optional<T>> : std::true_type {};

  // An event that has a request's type has a name of its own.
  template <class Frame>
  static constexpr std::string_view name_of() {
    if constexpr (requires { Frame::kName; }) return Frame::kName;
    return Frame::kType;
  }

  template <class Make>
  void define(std::string_view name, Make make) {
    if (std::find(names_.begin(), names_.end(), name) != names_.end()) return;
    names_.push_back(name);
    const std::string made = make();  // which may define others
    definitions_ += (definitions_.empty() ? "" : ",") + quoted(name) + ':' + made;
  }

  template <class T>
  std::string object(std::string_view type) {
    std::string properties;
    std::string required;
    const auto add = [&](std::string_view name, const std::string& schema, bool optional) {
      properties += (properties.empty() ? "" : ",") + quoted(name) + ':';
      properties += optional && requests_ && schema != "{}" ? or_null(schema) : schema;
      if (!optional) required += (required.empty() ? "" : ",") + quoted(name);
    };
    if (!type.empty()) add("type", R"({"const":)" + quoted(type) + "}", false);
    for_each_field<T>([&]<class Frame, class M>(const Field<Frame, M>& field) {
      add(field.name, of(Of<M>(), field.bounds), IsOptional<M>::value);
    });
    if constexpr (kHasSession<T>) add(kSessionField, R"({"type":"string"})", true);
    return R"({"type":"object","properties":{)" + properties + R"(},"required":[)" + required +
           "]" + exclusions<T>() + "}";
  }

  // Of a field of any JSON null is a value.
  template <class T>
  static bool takes_null(std::string_view name) {
    bool takes = false;
    for_each_field<T>([&]<class M>(const Field<T, M>& field) {
      takes = takes || (field.name == name && std::is_same_v<M, std::optional<JsonOf<AnyValue>>>);
    });
    return takes;
  }

  template <class T>
  static std::string exclusions() {
    std::string out;
    if constexpr (Exclusive<T>) {
      for (const std::string_view name : T::kExactlyOneOf) {
        out += (out.empty() ? "" : ",") + (R"({"required":[)" + quoted(name)) + "]";
        if (!takes_null<T>(name)) {
          out += R"(,"properties":{)" + quoted(name) + R"(:{"not":{"type":"null"}}})";
        }
        out += "}";
      }
      out = R"(,"oneOf":[)" + out + "]";
    }
    return out;
  }

  bool requests_ = false;
  std::vector<std::string_view> names_;
  std::string definitions_;
};

}  // namespace

std::string schema() {
  constexpr const Request* kRequests = nullptr;
  constexpr const Event* kEvents = nullptr;
  Schema schema;
  schema.frames("request", true, kRequests);
  schema.frames("event", false, kEvents);
  return schema.text();
}

}  // namespace replwire::protocol
