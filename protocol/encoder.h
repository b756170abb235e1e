#pragma once

#include <string>
#include <vector>

#include "protocol/fields.h"
#include "text/json_text.h"

// Frame -> one line of JSON. Written straight into the text, without a tree in between: a result
// costs one allocation.
namespace replwire::protocol {

inline void append_json(std::string& out, std::string_view text) { text::append_quoted(out, text); }
inline void append_json(std::string& out, const std::string& text) {
  text::append_quoted(out, text);
}
inline void append_json(std::string& out, bool flag) { out.append(flag ? "true" : "false"); }
inline void append_json(std::string& out, std::int64_t number) {
  text::append_number(out, number);
}
inline void append_json(std::string& out, double number) { text::append_number(out, number); }

template <class Shape>
void append_json(std::string& out, const JsonOf<Shape>& json) {
  out.append(json.text);
}

template <NamedEnum T>
void append_json(std::string& out, T value) {
  append_json(out, EnumNames<T>::kNames[static_cast<std::size_t>(value)]);
}

inline void append_json(std::string& out, const Id& id) {
  std::visit([&out](const auto& value) { append_json(out, value); }, id);
}

template <FieldList T>
void append_json(std::string& out, const T& object);

template <class T>
void append_json(std::string& out, const std::vector<T>& list) {
  out.push_back('[');
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i != 0) out.push_back(',');
    append_json(out, list[i]);
  }
  out.push_back(']');
}

inline void append_key(std::string& out, std::string_view name) {
  if (out.back() != '{') out.push_back(',');
  out.push_back('"');
  out.append(name);
  out.append("\":");
}

template <class T>
void append_member(std::string& out, std::string_view name, const T& value) {
  append_key(out, name);
  append_json(out, value);
}

template <class T>
void append_member(std::string& out, std::string_view name, const std::optional<T>& value) {
  if (value) append_member(out, name, *value);
}

template <class T>
void append_member(std::string& out, std::string_view name, const Nullable<T>& value) {
  append_key(out, name);
  if (value) {
    append_json(out, *value);
  } else {
    out.append("null");
  }
}

template <class T>
void append_fields(std::string& out, const T& object) {
  for_each_field<T>([&](const auto& field) { append_member(out, field.name, object.*field.member); });
}

template <FieldList T>
void append_json(std::string& out, const T& object) {
  out.push_back('{');
  append_fields(out, object);
  out.push_back('}');
}

// The frame as a whole line, its newline included.
template <FieldList Frame>
std::string encode(const Frame& frame) {
  std::string line;
  line.reserve(256);
  line.push_back('{');
  append_member(line, "type", Frame::kType);
  append_fields(line, frame);
  line.append("}\n");
  return line;
}

}  // namespace replwire::protocol
