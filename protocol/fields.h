#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace replwire::protocol {

// A type with `kNames` (one per enumerator, in order) travels as one of these strings.
template <class T>
struct EnumNames;
template <class T>
concept NamedEnum = requires {
  EnumNames<T>::kNames;
};

// What a field's type leaves open: the bounds of a number, the names that a text may be.
struct Bounds {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  std::span<const std::string_view> names;
};

// A member of a frame as it stands on the wire. A frame lists its fields once, in `fields()`;
// decoder, encoder, capabilities, schema and error messages are folds over that list.
template <class Frame, class T>
struct Field {
  std::string_view name;
  T Frame::*member;
  Bounds bounds;

  constexpr Field between(double lowest, double highest) const {
    return {name, member, {lowest, highest, {}}};
  }
  constexpr Field always_true() const { return between(1, 1); }
  // A text that is one of an enumeration's names.
  template <class Enum>
  constexpr Field among() const {
    return {name, member, {bounds.low, bounds.high, EnumNames<Enum>::kNames}};
  }
};

template <class Frame, class T>
constexpr Field<Frame, T> field(std::string_view name, T Frame::*member) {
  return {name, member};
}

template <class T>
concept FieldList = requires {
  T::fields();
};

// Chosen by the client, echoed as it came: a string, or an integer within ±2^53.
using Id = std::variant<std::int64_t, std::string>;

// Always written, as null when there is none; std::optional is left out instead.
template <class T>
struct Nullable : std::optional<T> {
  using std::optional<T>::optional;
  Nullable(std::optional<T> other) : std::optional<T>(std::move(other)) {}
};

// JSON text that was made elsewhere; `Shape` says what it holds: a type that is spelt so, of which
// there need not be any value.
template <class Shape, class Text = std::string>
struct JsonOf {
  Text text;
};

// {"any text": T, …}
template <class T>
struct MapOf {};

// Bytes, as base64 on the wire.
struct Base64 {
  std::string bytes;
};

// {"any text": "a text", …} with its values.
struct TextMap {
  std::vector<std::pair<std::string, std::string>> items;
};

template <class Frame, class Visit>
constexpr void for_each_field(Visit&& visit) {
  std::apply([&](const auto&... each) { (visit(each), ...); }, Frame::fields());
}

}  // namespace replwire::protocol
