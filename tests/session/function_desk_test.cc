#include "server/session/desks/function_desk.h"

#include <gtest/gtest.h>

#include "session/sent_frames.h"

namespace replwire::server {
namespace {

using namespace replwire_tests;  // NOLINT(google-build-using-namespace)

class FunctionDeskTest : public ::testing::Test {
 protected:
  runtime::Define begin(const std::vector<std::string>& names,
                        std::vector<std::string> removed = {}) {
    protocol::Functions request;
    for (const std::string& name : names) request.functions.push_back({name, {}, {}, {}});
    request.remove = std::move(removed);
    return desk_.begin(request, ReplyOnce(sent_, "functions", protocol::Id("d"), 1));
  }
  void defined(std::vector<std::string> names, std::string failure = {}) {
    runtime::Defined told = {std::move(names), std::move(failure)};
    desk_.defined(told);
  }
  std::vector<std::string> known() const {
    std::vector<std::string> names;
    const auto again = desk_.again();
    if (!again) return {"never any"};
    for (const auto& each : again->functions) names.push_back(each.name);
    return names;
  }

  SentFrames sent_;
  FunctionDesk desk_;
};

TEST_F(FunctionDeskTest, IsBusyUntilTheInterpreterHasTakenThem) {
  EXPECT_EQ(known(), (std::vector<std::string>{"never any"}));
  EXPECT_EQ(begin({"f", "g"}).functions.size(), 2U);
  EXPECT_TRUE(desk_.busy());
  EXPECT_EQ(known(), (std::vector<std::string>{"never any"}));
  defined({"f", "g"});
  EXPECT_FALSE(desk_.busy());
  EXPECT_EQ(sent_.only(), Json::parse(R"({"type":"functions_reply","id":"d","names":["f","g"]})"));
  EXPECT_EQ(known(), (std::vector<std::string>{"f", "g"}));
}

TEST_F(FunctionDeskTest, KnowsWhatIsLeft) {
  begin({"f", "g"});
  defined({"f", "g"});
  begin({"h"}, {"f"});
  defined({"g", "h"});
  EXPECT_EQ(known(), (std::vector<std::string>{"g", "h"}));
  begin({}, {"g", "h"});
  defined({});
  EXPECT_EQ(known(), std::vector<std::string>());  // which a snapshot may not know
}

TEST_F(FunctionDeskTest, WhatIsRefusedChangesNothing) {
  begin({"f"});
  defined({}, "/functions/0/name: is bad");
  EXPECT_EQ(sent_.only()["message"], "functions: /functions/0/name: is bad");
  EXPECT_EQ(known(), (std::vector<std::string>{"never any"}));
}

TEST_F(FunctionDeskTest, WhatTheInterpreterDiedWithIsRefused) {
  begin({"f"});
  desk_.interpreter_died();
  EXPECT_EQ(sent_.only()["type"], "protocol_error");
  EXPECT_FALSE(desk_.busy());
}

}  // namespace
}  // namespace replwire::server
