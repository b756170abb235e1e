#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

// The members of a plain aggregate, found by the compiler: a member that is added to a struct can
// not be forgotten, and one that has too many members, or a base, does not compile.
namespace replwire::server::survive {

inline constexpr std::size_t kMostMembers = 16;

// Converts to whatever a member is. Not explicitly to numbers: std::optional's constructor from
// what makes its value would be as good as this conversion then.
struct AnyMember {
  template <class T>
  operator T() const;  // NOLINT(google-explicit-constructor)
  template <class T>
  requires std::is_arithmetic_v<T>
  explicit operator T() const = delete;
};

template <class T, std::size_t... I>
constexpr bool has_at_least(std::index_sequence<I...> /*count*/) {
  return requires { T{(static_cast<void>(I), AnyMember{})...}; };
}

template <class T, std::size_t N = kMostMembers>
constexpr std::size_t count_members() {
  static_assert(std::is_aggregate_v<T>);
  static_assert(N < kMostMembers || !has_at_least<T>(std::make_index_sequence<N + 1>()),
                "add a row to with_members()");
  if constexpr (has_at_least<T>(std::make_index_sequence<N>())) {
    return N;
  } else {
    return count_members<T, N - 1>();
  }
}

// Calls `take` with all members of `value`, in their order.
template <class T, class Take>
constexpr void with_members(T& value, Take&& take) {
  constexpr std::size_t kCount = count_members<std::remove_const_t<T>>();
  // clang-format off
  if constexpr (kCount == 0) { take(); }
  if constexpr (kCount == 1) { auto& [a] = value; take(a); }
  if constexpr (kCount == 2) { auto& [a, b] = value; take(a, b); }
  if constexpr (kCount == 3) { auto& [a, b, c] = value; take(a, b, c); }
  if constexpr (kCount == 4) { auto& [a, b, c, d] = value; take(a, b, c, d); }
  if constexpr (kCount == 5) { auto& [a, b, c, d, e] = value; take(a, b, c, d, e); }
  if constexpr (kCount == 6) { auto& [a, b, c, d, e, f] = value; take(a, b, c, d, e, f); }
  if constexpr (kCount == 7) { auto& [a, b, c, d, e, f, g] = value; take(a, b, c, d, e, f, g); }
  if constexpr (kCount == 8) { auto& [a, b, c, d, e, f, g, h] = value; take(a, b, c, d, e, f, g, h); }
  if constexpr (kCount == 9) { auto& [a, b, c, d, e, f, g, h, i] = value; take(a, b, c, d, e, f, g, h, i); }
  if constexpr (kCount == 10) { auto& [a, b, c, d, e, f, g, h, i, j] = value; take(a, b, c, d, e, f, g, h, i, j); }
  if constexpr (kCount == 11) { auto& [a, b, c, d, e, f, g, h, i, j, k] = value; take(a, b, c, d, e, f, g, h, i, j, k); }
  if constexpr (kCount == 12) { auto& [a, b, c, d, e, f, g, h, i, j, k, l] = value; take(a, b, c, d, e, f, g, h, i, j, k, l); }
  if constexpr (kCount == 13) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m] = value; take(a, b, c, d, e, f, g, h, i, j, k, l, m); }
  if constexpr (kCount == 14) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = value; take(a, b, c, d, e, f, g, h, i, j, k, l, m, n); }
  if constexpr (kCount == 15) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] = value; take(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o); }
  if constexpr (kCount == 16) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = value; take(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p); }
  // clang-format on
}

}  // namespace replwire::server::survive
