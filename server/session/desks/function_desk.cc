#include "server/session/desks/function_desk.h"

#include <utility>

namespace replwire::server {
namespace {

runtime::HostParameter parameter_of(protocol::HostParameter& parameter) {
  std::optional<std::string> value;
  if (parameter.default_value) value = std::move(parameter.default_value->text);
  const auto kind = parameter.kind.value_or(protocol::ParameterKind::kPositional);
  return {std::move(parameter.name), std::move(value), static_cast<runtime::ParameterKind>(kind)};
}

runtime::HostFunction function_of(protocol::HostFunction& function) {
  runtime::HostFunction made = {std::move(function.name), std::move(function.doc), std::nullopt,
                                function.is_async.value_or(false)};
  if (!function.parameters) return made;
  made.parameters.emplace();
  for (auto& each : *function.parameters) made.parameters->push_back(parameter_of(each));
  return made;
}

}  // namespace

runtime::Define FunctionDesk::begin(protocol::Functions& request, ReplyOnce reply) {
  reply_ = std::move(reply);
  asked_ = {{}, request.remove.value_or(std::vector<std::string>()), false};
  for (auto& each : request.functions) asked_.functions.push_back(function_of(each));
  return asked_;
}

void FunctionDesk::defined(runtime::Defined& told) {
  if (!reply_) return;
  ReplyOnce reply = *std::exchange(reply_, std::nullopt);
  if (!told.failure.empty()) {
    return reply.refuse(protocol::ErrorCode::kInvalidField, told.failure);
  }
  for (const std::string& name : asked_.remove) functions_.erase(name);
  for (auto& each : asked_.functions) functions_.insert_or_assign(each.name, std::move(each));
  any_ = any_ || !functions_.empty();
  asked_ = {};
  reply.answer(protocol::FunctionsReply{{}, std::move(told.names)});
}

void FunctionDesk::interpreter_died() {
  if (reply_) reply_->refuse(protocol::ErrorCode::kInvalidField, "the interpreter died");
  reply_.reset();
}

void FunctionDesk::know(const runtime::Define& all) {
  any_ = true;
  for (const auto& each : all.functions) functions_.insert_or_assign(each.name, each);
}

std::optional<runtime::Define> FunctionDesk::again() const {
  if (!any_) return std::nullopt;
  runtime::Define all = {{}, {}, true};
  for (const auto& [name, function] : functions_) all.functions.push_back(function);
  return all;
}

}  // namespace replwire::server
