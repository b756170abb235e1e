#pragma once

#include <string>
#include <vector>

#include "protocol/fields.h"
#include "text/base64.h"
#include "text/json_text.h"

// Frame -> one line of JSON. Written straight into the text, without a tree in between: a result
// costs one allocation, and a frame of views into a FixedText none at all.
namespace replwire::protocol {

template <class Out>
void append_json(Out& out, std::string_view text) {
  text::append_quoted(out, text);
}
template <class Out>
void append_json(Out& out, const std::string& text) {
  text::append_quoted(out, text);
}
template <class Out>
void append_json(Out& out, bool flag) {
  out.append(std::string_view(flag ? "true" : "false"));
}
template <class Out>
void append_json(Out& out, std::int64_t number) {
  text::append_number(out, number);
}
template <class Out>
void append_json(Out& out, double number) {
  text::append_number(out, number);
}

template <class Out>
void append_json(Out& out, const Base64& data) {
  append_json(out, text::base64(data.bytes));
}

template <class Out, class Shape, class Text>
void append_json(Out& out, const JsonOf<Shape, Text>& json) {
  out.append(std::string_view(json.text));
}

template <class Out, NamedEnum T>
void append_json(Out& out, T value) {
  append_json(out, EnumNames<T>::kNames[static_cast<std::size_t>(value)]);
}

template <class Out>
void append_json(Out& out, const Id& id) {
  std::visit([&out](const auto& value) { append_json(out, value); }, id);
}

template <class Out, FieldList T>
void append_json(Out& out, const T& object);

template <class Out, class T>
void append_json(Out& out, const std::vector<T>& list) {
  out.push_back('[');
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i != 0) out.push_back(',');
    append_json(out, list[i]);
  }
  out.push_back(']');
}

template <class Out>
void append_key(Out& out, std::string_view name) {
  if (out.back() != '{') out.push_back(',');
  out.push_back('"');
  out.append(name);
  out.append(std::string_view("\":"));
}

template <class Out, class T>
void append_member(Out& out, std::string_view name, const T& value) {
  append_key(out, name);
  append_json(out, value);
}

template <class Out, class T>
void append_member(Out& out, std::string_view name, const std::optional<T>& value) {
  if (value) append_member(out, name, *value);
}

template <class Out, class T>
void append_member(Out& out, std::string_view name, const Nullable<T>& value) {
  append_key(out, name);
  if (value) {
    append_json(out, *value);
  } else {
    out.append(std::string_view("null"));
  }
}

template <class Out, class T>
void append_fields(Out& out, const T& object) {
  for_each_field<T>(
      [&](const auto& field) { append_member(out, field.name, object.*field.member); });
}

template <class Out, FieldList T>
void append_json(Out& out, const T& object) {
  out.push_back('{');
  append_fields(out, object);
  out.push_back('}');
}

// The frame as a whole line, its newline included.
template <class Out, FieldList Frame>
void append_line(Out& out, const Frame& frame) {
  out.push_back('{');
  append_member(out, "type", Frame::kType);
  append_fields(out, frame);
  out.append(std::string_view("}\n"));
}

template <FieldList Frame>
std::string encode(const Frame& frame) {
  std::string line;
  line.reserve(256);
  append_line(line, frame);
  return line;
}

}  // namespace replwire::protocol
