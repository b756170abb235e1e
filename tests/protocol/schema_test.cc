#include "protocol/schema.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "protocol/codec.h"
#include "protocol/encoder.h"

namespace replwire::protocol {
namespace {

using Json = nlohmann::json;

const Json& definitions() {
  static const Json all = Json::parse(schema()).at("$defs");
  return all;
}

Json resolved(const Json& schema) {
  if (!schema.contains("$ref")) return schema;
  return definitions().at(schema["$ref"].get<std::string>().substr(std::string("#/$defs/").size()));
}

// Values at the edges of what a field's schema allows, and values just beyond.
struct Samples {
  std::vector<Json> good;
  std::vector<Json> bad;
};

Samples of_text(const Json& schema) {
  if (schema.contains("contentEncoding")) return {{"", "AAEC", "/w=="}, {false, "*", "A"}};
  const std::string longest(schema.value("maxLength", 10), 'x');
  Samples samples = {{"", longest}, {false}};
  if (schema.contains("maxLength")) samples.bad.push_back(longest + "x");
  return samples;
}

Samples of_number(const Json& schema) {
  Samples samples = {{1}, {"1", true}};
  if (schema["type"] == "number") samples.good.push_back(0.5);
  if (schema["type"] == "integer") samples.bad.push_back(0.5);
  for (const auto& [bound, beyond] : {std::pair("minimum", -1), std::pair("maximum", 1)}) {
    if (!schema.contains(bound)) continue;
    samples.good.push_back(schema[bound]);
    samples.bad.push_back(schema[bound].get<std::int64_t>() + beyond);
  }
  return samples;
}

Samples samples_of(const Json& field);
Json least(const Json& schema);

Samples of_list(const Json& schema) {
  const Samples items = samples_of(schema["items"]);
  Samples samples = {{Json::array(), items.good}, {"a", Json::object()}};
  for (const Json& bad : items.bad) samples.bad.push_back(Json::array({bad}));
  return samples;
}

Samples of_object(const Json& schema) {
  const Samples values = samples_of(schema["additionalProperties"]);
  Samples samples = {{Json::object(), {{"a", values.good.at(0)}}}, {"a", Json::array()}};
  for (const Json& bad : values.bad) samples.bad.push_back({{"a", bad}});
  return samples;
}

Samples samples_of(const Json& field) {
  const Json schema = resolved(field);
  if (schema.empty()) return {{1, "x", Json::array({1}), Json{{"a", nullptr}}}, {}};  // any JSON
  if (schema.contains("properties")) return {{least(schema)}, {1, "a", Json::array()}};
  if (schema.contains("const")) return {{schema["const"]}, {false, "true"}};
  if (schema.contains("enum")) {
    return {schema["enum"].get<std::vector<Json>>(), {"no such name", 1}};
  }
  if (schema.contains("anyOf")) {
    Samples all;  // what one alternative refuses another may allow
    for (const Json& each : schema["anyOf"]) {
      const Samples samples = samples_of(each);
      all.good.insert(all.good.end(), samples.good.begin(), samples.good.end());
      if (schema["anyOf"][1] == Json{{"type", "null"}}) {
        all.bad.insert(all.bad.end(), samples.bad.begin(), samples.bad.end());
      }
    }
    if (std::ranges::none_of(all.good, &Json::is_object)) all.bad.push_back(Json::object());
    return all;
  }
  if (schema["type"] == "null") return {{nullptr}, {}};
  if (schema["type"] == "boolean") return {{true, false}, {0, "true"}};
  if (schema["type"] == "array") return of_list(schema);
  if (schema["type"] == "object") return of_object(schema);
  return schema["type"] == "string" ? of_text(schema) : of_number(schema);
}

Json least(const Json& schema) {
  Json frame;
  for (const Json& name : schema["required"]) {
    frame[name.get<std::string>()] =
        samples_of(schema["properties"][name.get<std::string>()]).good.at(0);
  }
  return frame;
}

bool accepted(const Json& frame) {
  return std::holds_alternative<Request>(decode(frame.dump(), 1, true).frame);
}

// All but the type: that is also taken in capitals, which a schema does not say.
TEST(SchemaTest, ARequestIsTakenAsFarAsItsSchemaGoes) {
  for (const Json& request : definitions().at("request").at("anyOf")) {
    const Json schema = resolved(request);
    const bool exclusive = schema.contains("oneOf");
    for (const auto& [name, field] : schema["properties"].items()) {
      if (name == "type" || name == "module") continue;  // a dotted name is more than a text
      Json frame = least(schema);
      const auto with = [&frame, &name = name](const Json& value) {
        Json changed = frame;
        changed[name] = value;
        return changed;
      };
      const bool answers =
          exclusive && schema["oneOf"].dump().find('"' + name + '"') != std::string::npos;
      if (exclusive && !answers) frame["data"] = "x";
      const bool one_of = exclusive && !frame.contains("data");
      const Samples samples = samples_of(field);
      for (const Json& value : samples.good) {
        if (one_of && value.is_null()) continue;
        EXPECT_TRUE(accepted(with(value))) << with(value).dump().substr(0, 300);
      }
      for (const Json& value : samples.bad) {
        if (value.is_null()) continue;
        EXPECT_FALSE(accepted(with(value))) << with(value).dump().substr(0, 300);
      }
    }
  }
}

TEST(SchemaTest, WhatIsRequiredIsMissed) {
  for (const Json& request : definitions().at("request").at("anyOf")) {
    const Json schema = resolved(request);
    for (const Json& name : schema["required"]) {
      Json frame = least(schema);
      if (schema.contains("oneOf")) frame["data"] = "x";
      EXPECT_TRUE(accepted(frame)) << frame;
      frame.erase(name.get<std::string>());
      EXPECT_FALSE(accepted(frame)) << frame;
    }
  }
}

TEST(SchemaTest, ExactlyOneAnswer) {
  const Json one_of = definitions().at("input_response").at("oneOf");
  ASSERT_EQ(one_of.size(), 3U);
  EXPECT_EQ(one_of[0]["required"], Json({"data"}));
  EXPECT_FALSE(accepted({{"type", "input_response"}}));
  EXPECT_FALSE(accepted({{"type", "input_response"}, {"data", "x"}, {"error", "x"}}));
}

template <class Frame>
std::string name_of() {
  if constexpr (requires { Frame::kName; }) return std::string(Frame::kName);
  return std::string(Frame::kType);
}

template <class Frame>
void expect_described(const Json& frame) {
  const Json schema = definitions().at(name_of<Frame>());
  EXPECT_EQ(schema["properties"]["type"]["const"], Frame::kType);
  for (const auto& [name, value] : frame.items()) {
    EXPECT_TRUE(schema["properties"].contains(name)) << frame;
    EXPECT_EQ(std::count(schema["required"].begin(), schema["required"].end(), name), 1) << frame;
  }
  EXPECT_EQ(schema["required"].size(), frame.size()) << "only what is optional is left out";
}

// A JsonOf without its text is no JSON: it is what a test has to give.
Json encoded_without_texts(std::string line) {
  for (const char* name : {"capabilities", "data", "metadata", "matches", "variables", "id",
                           "execution_id", "value", "args", "kwargs"}) {
    const std::string empty = std::string("\"") + name + "\":";
    for (const char* end : {",", "}"}) {
      const auto found = line.find(empty + end);
      if (found != std::string::npos) line.insert(found + empty.size(), "null");
    }
  }
  return Json::parse(line);
}

template <class... Frames>
void expect_all_described(const std::variant<Frames...>* /*list*/) {
  (expect_described<Frames>(encoded_without_texts(encode(Frames{}))), ...);
}

TEST(SchemaTest, AnEventThatHasNothingOptionalHasWhatIsRequired) {
  expect_all_described(static_cast<const Event*>(nullptr));
}

}  // namespace
}  // namespace replwire::protocol
