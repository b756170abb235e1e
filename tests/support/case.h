#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace replwire_tests {

// What the cases of a parameterised test derive from: a name to list and to print them by.
struct Case {
  const char* name;
};

inline std::ostream& operator<<(std::ostream& stream, const Case& one) {
  return stream << one.name;
}

struct CaseName {
  template <class Parameter>
  std::string operator()(const ::testing::TestParamInfo<Parameter>& given) const {
    return given.param.name;
  }
};

}  // namespace replwire_tests
