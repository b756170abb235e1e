#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace replwire::text {

// A text in a buffer of fixed size, for code that may not allocate (signal handlers). What does not
// fit is dropped.
class FixedText {
 public:
  FixedText(char* data, std::size_t capacity) : data_(data), capacity_(capacity) {}

  void push_back(char c) { append({&c, 1}); }
  FixedText& append(std::string_view text) {
    const std::size_t size = text.size() < capacity_ - size_ ? text.size() : capacity_ - size_;
    for (std::size_t i = 0; i < size; ++i) data_[size_ + i] = text[i];
    size_ += size;
    return *this;
  }
  FixedText& append(const char* begin, const char* end) {
    return append(std::string_view(begin, static_cast<std::size_t>(end - begin)));
  }
  char back() const { return data_[size_ - 1]; }
  std::size_t size() const { return size_; }
  void resize(std::size_t smaller) { size_ = smaller; }
  std::string_view view() const { return {data_, size_}; }

 private:
  char* data_;
  std::size_t capacity_;
  std::size_t size_ = 0;
};

// Appends `bytes` as the inside of a JSON string (no quotes) as far as that takes at most `room`
// bytes, and returns how many bytes of the input that were. Bytes that are not UTF-8 become
// U+FFFD; control characters, U+2028 and U+2029 are escaped, so that a line stays a line
// everywhere. `Out` is std::string or FixedText, here and below.
template <class Out>
std::size_t append_escaped(Out& out, std::string_view bytes, std::size_t room = SIZE_MAX);

template <class Out>
void append_quoted(Out& out, std::string_view bytes) {
  out.push_back('"');
  append_escaped(out, bytes);
  out.push_back('"');
}

template <class Out>
void append_number(Out& out, std::int64_t number);
// `number` must be finite; always with a point or an exponent, so that a float stays one.
template <class Out>
void append_number(Out& out, double number);

}  // namespace replwire::text
