#include "protocol/codec.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace replwire::protocol {
namespace {

template <class Frame>
Frame read(const std::string& text) {
  auto decoded = decode(text, 1).frame;
  if (const auto* error = std::get_if<ProtocolError>(&decoded))
    throw std::runtime_error(error->message);
  return std::get<Frame>(std::get<Request>(decoded));
}

ProtocolError refusal(const std::string& text) {
  auto decoded = decode(text, 7).frame;
  EXPECT_TRUE(std::holds_alternative<ProtocolError>(decoded)) << text;
  return std::get<ProtocolError>(decoded);
}

TEST(CodecTest, EveryFieldOfAnExecute) {
  const auto frame = read<Execute>(
      R"({"type":"execute","id":5,"code":"1","filename":"a.py","first_line":3,"inputs":["x","y"],)"
      R"("on_input":"eof","repr_limit":10,"silent":true,"stop_on_error":true,"output_limit":9})");
  EXPECT_EQ(frame.id, Id(std::int64_t{5}));
  EXPECT_EQ(frame.code, "1");
  EXPECT_EQ(frame.filename, "a.py");
  EXPECT_EQ(frame.first_line, 3);
  EXPECT_EQ(frame.inputs, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(frame.on_input, OnInput::kEof);
  EXPECT_EQ(frame.repr_limit, 10);
  EXPECT_EQ(frame.silent, true);
  EXPECT_EQ(frame.stop_on_error, true);
  EXPECT_EQ(frame.output_limit, 9);
}

TEST(CodecTest, NestedValuesAreTakenAsTheyCame) {
  const auto frame = read<CommOpen>(
      R"({"type":"comm_open","comm_id":"c","target_name":"t","data":{"a":[1,2.50,-3,"\"\u00e4",{"b":null}],"c":true},)"
      R"("metadata":{},"buffers":["AAEC",""]})");
  EXPECT_EQ(frame.data.text, R"({"a":[1,2.50,-3,"\"\u00e4",{"b":null}],"c":true})");
  EXPECT_EQ(frame.metadata->text, "{}");
  ASSERT_EQ(frame.buffers->size(), 2U);
  EXPECT_EQ(frame.buffers->at(0).bytes, std::string("\0\1\2", 3));
  EXPECT_EQ(read<CommMsg>(R"({"type":"comm_msg","comm_id":"c","data":1.5})").data.text, "1.5");
  EXPECT_EQ(read<CommMsg>(R"({"type":"comm_msg","comm_id":"c","data":"\n"})").data.text, R"("\n")");
}

TEST(CodecTest, MapsOfTexts) {
  const auto frame =
      read<Execute>(R"({"type":"execute","code":"","expressions":{"b":"1","a":"2","b":"3"}})");
  using Items = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(frame.expressions->items, (Items{{"b", "3"}, {"a", "2"}}));
  EXPECT_EQ(refusal(R"({"type":"execute","code":"","expressions":{"a":1}})").message,
            "execute: /expressions/a: must be a string");
  EXPECT_EQ(refusal(R"({"type":"execute","code":"","expressions":["a"]})").message,
            "execute: /expressions: must be an object of strings");
}

TEST(CodecTest, TypeInAnyCase) {
  EXPECT_EQ(read<Status>(R"({"type":"StAtUs","id":"s"})").id, Id("s"));
}

TEST(CodecTest, NullCountsAsAbsent) {
  const auto frame = read<Execute>(R"({"type":"execute","code":"1","id":null,"inputs":null})");
  EXPECT_FALSE(frame.id);
  EXPECT_FALSE(frame.inputs);
}

TEST(CodecTest, UnknownFieldsOfAnyShapeAreSkipped) {
  EXPECT_EQ(
      read<Status>(R"({"x":{"id":[1,{"id":2}]},"type":"status","id":"s","y":[[]],"z":"id"})").id,
      Id("s"));
}

TEST(CodecTest, TheLastOfARepeatedNameCounts) {
  EXPECT_EQ(read<Status>(R"({"type":"status","id":1,"id":2})").id, Id(std::int64_t{2}));
}

TEST(CodecTest, UnknownTypeNamesTheKnownOnes) {
  const auto error = refusal(R"({"type":"exec","id":1})");
  EXPECT_EQ(error.code, ErrorCode::kUnknownType);
  EXPECT_NE(error.message.find("execute, input_response, interrupt"), std::string::npos);
  EXPECT_EQ(error.id, Id(std::int64_t{1}));
  EXPECT_EQ(error.line, 7);
}

TEST(CodecTest, ErrorsNameFrameFieldAndLimit) {
  EXPECT_EQ(refusal(R"({"type":"execute"})").message, "execute: /code: is missing");
  EXPECT_EQ(refusal(R"({"type":"execute","code":1})").message, "execute: /code: must be a string");
  EXPECT_EQ(refusal(R"({"type":"execute","code":"","inputs":["a",1]})").message,
            "execute: /inputs/1: must be a string");
  EXPECT_EQ(refusal(R"({"type":"execute","code":"","first_line":0})").message,
            "execute: /first_line: must be from 1 to 10000000");
  EXPECT_EQ(refusal(R"({"type":"execute","code":"","on_input":"no"})").message,
            R"(execute: /on_input: must be one of "ask" "eof" "error")");
}

TEST(CodecTest, IdsWithinTwoToTheFiftyThree) {
  EXPECT_EQ(read<Status>(R"({"type":"status","id":-9007199254740992})").id,
            Id(std::int64_t{-9007199254740992}));
  for (const char* id :
       {"9007199254740993", "-9007199254740993", "1.5", "18446744073709551615", "true", "[]"}) {
    EXPECT_EQ(refusal(std::string(R"({"type":"status","id":)") + id + "}").code,
              ErrorCode::kInvalidField)
        << id;
  }
}

TEST(CodecTest, AnswersAreOneOfThree) {
  EXPECT_EQ(read<InputResponse>(R"({"type":"input_response","data":""})").data, "");
  EXPECT_EQ(refusal(R"({"type":"input_response"})").code, ErrorCode::kMissingField);
  EXPECT_EQ(refusal(R"({"type":"input_response","data":"","eof":true})").code,
            ErrorCode::kInvalidField);
  EXPECT_EQ(refusal(R"({"type":"input_response","eof":false})").code, ErrorCode::kInvalidField);
}

TEST(CodecTest, AnyJsonIsKeptAsItCame) {
  const auto data = [](const std::string& json) {
    return read<CallResponse>(R"({"data" : )" + json +
                              R"( , "type":"call_response","call_id":"c"})")
        .data->text;
  };
  for (const char* json : {"null", "-1.5e3", "true", R"("a\\\"]}\u00e4")", "[ ]",
                           R"({"a": [{"b":"}"}, []], "c" : 1})"}) {
    EXPECT_EQ(data(json), json);
  }
  EXPECT_EQ(refusal(R"({"type":"call_response","call_id":"c"})").code, ErrorCode::kMissingField);
  EXPECT_EQ(read<CallResponse>(
                R"({"type":"call_response","call_id":"c","data":1,"x":[2],"d\u0061ta":[3]})")
                .data->text,
            "[3]");
}

TEST(CodecTest, LoneSurrogatesPassWhereAnyJsonDoes) {
  const auto frame = read<CallResponse>(
      R"({"type":"call_response","call_id":"c","data":["\ud800","\ud83d\ude00","\\ud800"]})");
  EXPECT_EQ(frame.data->text, R"(["\ud800","\ud83d\ude00","\\ud800"])");
  EXPECT_EQ(refusal(R"({"type":"execute","code":"\ud800"})").code, ErrorCode::kInvalidJson);
  EXPECT_EQ(refusal(R"({"type":"call_response","data":"\ud800)").code, ErrorCode::kInvalidJson);
}

TEST(CodecTest, ObjectsInARequestAreReadByTheirFields) {
  const auto frame = read<Functions>(
      R"({"type":"functions","id":1,"functions":[{"name":"f","parameters":[)"
      R"({"name":"a","default":null},{"name":"b","kind":"keyword"}]},{"name":"g","doc":null}]})");
  ASSERT_EQ(frame.functions.size(), 2U);
  const auto& parameters = frame.functions[0].parameters.value();
  EXPECT_EQ(parameters[0].default_value->text, "null");
  EXPECT_FALSE(parameters[1].default_value);
  EXPECT_EQ(parameters[1].kind, ParameterKind::kKeyword);
  EXPECT_FALSE(frame.functions[1].parameters);
  EXPECT_FALSE(frame.functions[1].doc);
  const auto said = [](const std::string& functions) {
    return refusal(R"({"type":"functions","id":1,"functions":)" + functions + "}").message;
  };
  EXPECT_EQ(said("1"), "functions: /functions: must be a list of objects");
  EXPECT_EQ(said(R"([{"name":"f"},[]])"), "functions: /functions/1: must be an object");
  EXPECT_EQ(said(R"([{"name":1}])"), "functions: /functions/0/name: must be a string");
  EXPECT_EQ(said(R"([{"name":"f","parameters":[{"name":"a"},{}]}])"),
            "functions: /functions/0/parameters/1/name: is missing");
  const auto strict =
      decode(R"({"type":"functions","id":1,"functions":[{"name":"f","x":1}]})", 1, false, true)
          .frame;
  EXPECT_EQ(std::get<ProtocolError>(strict).message,
            "functions: /functions/0/x: is not a field of it");
}

TEST(CodecTest, ASessionOfAnyRequest) {
  const auto session = [](const char* text) { return decode(text, 1, true, true).session; };
  EXPECT_EQ(session(R"({"type":"status","id":1})"), std::nullopt);
  EXPECT_EQ(session(R"({"type":"status","id":1,"session":null})"), std::nullopt);
  EXPECT_EQ(session(R"({"type":"status","id":1,"session":"b"})"), "b");
  EXPECT_EQ(session(R"({"type":"status","session":"b"})"), "b") << "a refusal is told there";
  EXPECT_EQ(refusal(R"({"type":"status","id":1,"session":1})").message,
            "status: /session: must be a string");
}

TEST(CodecTest, WhatIsNoFrameAtAll) {
  EXPECT_EQ(refusal("{").code, ErrorCode::kInvalidJson);
  EXPECT_EQ(refusal("\xff").code, ErrorCode::kInvalidUtf8);
  EXPECT_EQ(refusal("[{\"type\":\"status\"}]").code, ErrorCode::kNotAnObject);
  EXPECT_EQ(refusal("3").code, ErrorCode::kNotAnObject);
  EXPECT_EQ(refusal("{}").code, ErrorCode::kMissingField);
}

TEST(CodecTest, DepthIsLimitedAtSixtyFour) {
  const auto nested = [](std::size_t levels) {
    return R"({"type":"status","id":1,"x":)" + std::string(levels - 1, '[') +
           std::string(levels - 1, ']') + "}";
  };
  EXPECT_EQ(read<Status>(nested(kMaxDepth)).id, Id(std::int64_t{1}));
  const auto error = refusal(nested(kMaxDepth + 1));
  EXPECT_EQ(error.code, ErrorCode::kTooDeep);
  EXPECT_EQ(error.id, Id(std::int64_t{1}));
  EXPECT_EQ(refusal(std::string(1000000, '[')).code, ErrorCode::kTooDeep);
}

TEST(CodecTest, CapabilitiesAreWhatIsDecoded) {
  const auto all = nlohmann::json::parse(capabilities());
  EXPECT_EQ(all["status"], nlohmann::json({"id", "stack"}));
  EXPECT_TRUE(all.contains("execute"));
  for (const auto& [type, fields] : all.items()) {
    EXPECT_NE(refusal(R"({"type":")" + type + R"(","id":[]})").code, ErrorCode::kUnknownType)
        << type;
  }
}

}  // namespace
}  // namespace replwire::protocol
