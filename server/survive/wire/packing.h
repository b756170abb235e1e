#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "server/survive/wire/members.h"

// Plain values as bytes and back, between two processes of the same program: numbers, texts, times,
// lists, options, variants, and aggregates of these, whose members the compiler finds. What is
// something else does not compile.
namespace replwire::server::survive {

template <class T>
concept Number = std::is_arithmetic_v<T> || std::is_enum_v<T>;

class Packer {
 public:
  explicit Packer(std::string& out) : out_(out) {}

  template <class... Ts>
  void operator()(const Ts&... values) {
    (pack(values), ...);
  }

 private:
  template <Number T>
  void pack(const T& value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void pack(const std::string& text) {
    pack(text.size());
    out_.append(text);
  }
  void pack(const std::chrono::nanoseconds& time) { pack(time.count()); }
  template <class T>
  void pack(const std::vector<T>& items) {
    pack(items.size());
    for (const T& item : items) pack(item);
  }
  template <class T>
  void pack(const std::optional<T>& value) {
    pack(value.has_value());
    if (value) pack(*value);
  }
  template <class T>
  void pack(const std::shared_ptr<T>& value) {
    pack(value != nullptr);
    if (value) pack(*value);
  }
  template <class... Ts>
  void pack(const std::variant<Ts...>& value) {
    pack(value.index());
    std::visit([this](const auto& each) { pack(each); }, value);
  }
  template <class T>
  requires std::is_aggregate_v<T>
  void pack(const T& value) { with_members(value, *this); }

  std::string& out_;
};

// What does not fit the bytes leaves the value as it was, and `whole` false.
class Unpacker {
 public:
  explicit Unpacker(std::string_view in) : in_(in) {}

  template <class... Ts>
  void operator()(Ts&... values) {
    (unpack(values), ...);
  }
  bool whole() const { return whole_ && in_.empty(); }

 private:
  std::string_view take(std::size_t size) {
    whole_ = whole_ && size <= in_.size();
    if (!whole_) return {};
    const std::string_view taken = in_.substr(0, size);
    in_.remove_prefix(size);
    return taken;
  }
  template <Number T>
  void unpack(T& value) {
    const std::string_view bytes = take(sizeof value);
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), sizeof value);
  }
  std::size_t unpack_size() {
    std::size_t size = 0;
    unpack(size);
    return size;
  }
  void unpack(std::string& text) { text = take(unpack_size()); }
  void unpack(std::chrono::nanoseconds& time) {
    std::chrono::nanoseconds::rep count = 0;
    unpack(count);
    time = std::chrono::nanoseconds(count);
  }
  template <class T>
  void unpack(std::vector<T>& items) {
    for (std::size_t left = unpack_size(); left > 0 && whole_; --left) unpack(items.emplace_back());
  }
  template <class T>
  void unpack(std::optional<T>& value) {
    bool there = false;
    unpack(there);
    if (there) unpack(value.emplace());
  }
  template <class T>
  void unpack(std::shared_ptr<const T>& value) {
    bool there = false;
    unpack(there);
    if (!there) return;
    auto made = std::make_shared<T>();
    unpack(*made);
    value = std::move(made);
  }
  template <class... Ts>
  void unpack(std::variant<Ts...>& value) {
    const std::size_t index = unpack_size();
    std::size_t n = 0;
    whole_ = ((n++ == index && (unpack(value.template emplace<Ts>()), true)) || ...) && whole_;
  }
  template <class T>
  requires std::is_aggregate_v<T>
  void unpack(T& value) { with_members(value, *this); }

  std::string_view in_;
  bool whole_ = true;
};

template <class T>
std::string packed(const T& value) {
  std::string out;
  Packer pack(out);
  pack(value);
  return out;
}

template <class T>
std::optional<T> unpacked(std::string_view bytes) {
  T value = {};
  Unpacker unpack(bytes);
  unpack(value);
  return unpack.whole() ? std::optional(std::move(value)) : std::nullopt;
}

}  // namespace replwire::server::survive
