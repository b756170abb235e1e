#pragma once

namespace replwire::server {

// One visitor of a variant, made of a function for each kind of value.
template <class... Visits>
struct Overloaded : Visits... {
  using Visits::operator()...;
};
template <class... Visits>
Overloaded(Visits...) -> Overloaded<Visits...>;

}  // namespace replwire::server
