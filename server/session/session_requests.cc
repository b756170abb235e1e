// What the session does with each request of the client.
#include <type_traits>
#include <utility>
#include <variant>

#include "server/session/frame_values.h"
#include "server/session/replies.h"
#include "server/session/session.h"
#include "server/system/overloaded.h"
#include "server/system/process/process_facts.h"
#include "text/base64.h"

namespace replwire::server {
namespace {

using protocol::ErrorCode;
using protocol::InterruptOutcome;

// A shutdown refuses all others.
template <class T>
constexpr bool kServedToTheEnd =
    OneOf<T, protocol::InputResponse, protocol::CallResponse, protocol::Interrupt, protocol::Status,
          protocol::OutputGet, protocol::Shutdown>;

template <class Request>
runtime::CommMessage comm_message(Request& request) {
  runtime::CommMessage message = {};
  message.kind = std::is_same_v<Request, protocol::CommOpen>  ? runtime::CommKind::kOpen
                 : std::is_same_v<Request, protocol::CommMsg> ? runtime::CommKind::kMessage
                                                              : runtime::CommKind::kClose;
  message.comm_id = std::move(request.comm_id);
  if constexpr (requires { request.target_name; })
    message.target_name = std::move(request.target_name);
  message.data = std::move(request.data.text);
  message.metadata = request.metadata ? std::move(request.metadata->text) : "{}";
  if (!request.buffers) return message;
  for (protocol::Base64& buffer : *request.buffers)
    message.buffers.push_back(std::move(buffer.bytes));
  return message;
}

}  // namespace

void Session::take(std::vector<Incoming> frames) {
  const LockAndDeliver lock(*this);
  for (Incoming& incoming : frames) {
    if (ending_.over() && !is_branch()) return;
    serve(incoming);
    start_next();  // the next frame may be about this one
  }
}

// What one request throws, no thread to be had or no memory, costs that one: its ReplyOnce has
// answered when the exception arrives here.
void Session::serve(Incoming& incoming) try {
  if (auto* error = std::get_if<protocol::ProtocolError>(&incoming.frame)) {
    return frames_.write(*error);
  }
  const Overloaded part_of = {
      [&](TakesTurn auto& request, ReplyOnce reply) {
        queue_.add(std::move(request), std::move(reply));
      },
      [&](Inquiring auto& request, ReplyOnce reply) { inquiries_.ask(request, std::move(reply)); },
      [&](OneOf<protocol::InputResponse, protocol::CallResponse> auto& request, ReplyOnce reply) {
        inputs_.respond(request, std::move(reply));
      },
      [&](auto& request, ReplyOnce reply) { on(request, std::move(reply)); }};
  const auto hand_over = [&]<class Request>(Request& request) {
    ReplyOnce reply(frames_, Request::kType, std::move(request.id), incoming.line);
    if (ending_.over()) return;  // a branch: the reply says so
    if (ending_.shutting_down() && !kServedToTheEnd<Request>) {
      return reply.refuse(ErrorCode::kShuttingDown, "the session is shutting down");
    }
    part_of(request, std::move(reply));
  };
  std::visit(hand_over, std::get<protocol::Request>(incoming.frame));
} catch (const std::exception& fault) {
  parts_.log.line(std::string("a request could not be served: ") + fault.what());
}

void Session::on(protocol::Execute& request, ReplyOnce reply) {
  if (!recovery_ && is_transaction(request)) {
    return reply.refuse(ErrorCode::kInvalidField, "/transaction: needs --survive");
  }
  queue_.add(std::move(request), std::move(reply),
             {busy(), running_ ? std::string_view(running_->key()) : std::string_view()});
}

// In the state when its turn comes, or in one that is there already.
void Session::on(protocol::Branch& request, ReplyOnce reply) {
  if (!request.checkpoint_id) return queue_.add(std::move(request), std::move(reply));
  if (recovery_) branch(recovery_->begin(request, std::move(reply)));
}

void Session::on(OfHost auto& request, ReplyOnce reply) {
  if (parts_.host == nullptr) return;
  if constexpr (requires { request.session; }) {
    parts_.host->close(request.session, std::move(reply));
  } else {
    parts_.host->list(*this, std::move(reply));
  }
}

void Session::on(protocol::OutputGet& request, ReplyOnce reply) {
  const auto stream = static_cast<runtime::Stream>(request.stream);
  auto part = parts_.outputs.spooled(request.execution_count, stream, request.offset, request.size);
  if (!part) {
    return reply.refuse(ErrorCode::kInvalidField,
                        "/execution_count: nothing is kept of that output");
  }
  reply.answer(
      protocol::OutputGetReply{{}, text::base64(part->bytes), request.offset, part->total});
}

void Session::on(protocol::Interrupt& request, ReplyOnce reply) {
  protocol::InterruptReply told = {{}, request.execution_id, InterruptOutcome::kNotRunning};
  const std::string key = request.execution_id ? json_of(*request.execution_id) : "";
  if (queue_.contains(key)) {
    told.outcome = InterruptOutcome::kDequeued;
    reply.answer(std::move(told));
    return queue_.cancel(key);
  }
  if (const auto save = saves_.find(key)) {
    told.outcome = InterruptOutcome::kDelivered;
    reply.answer(std::move(told));
    saves_.interrupt(*save);
    return parts_.link.kill_copy(*save);
  }
  const bool runs = running_ && (key.empty() || running_->key() == key);
  const std::uint64_t task = running_ || !key.empty() ? 0 : stopper_.task_at_rest();
  if (runs) told.execution_id = running_->id();
  if (runs || task != 0) told.outcome = InterruptOutcome::kDelivered;
  reply.answer(std::move(told));
  const Clock::time_point now = Clock::now();
  if (task != 0) stopper_.interrupt_task(task, now);
  if (!runs) return;
  stopper_.interrupt(*running_, now);
  if (request.grace) stopper_.insist(duration(*request.grace), now);
}

void Session::on(protocol::Shutdown& /*request*/, ReplyOnce reply) {
  ending_.add(std::move(reply));
  shut_down();
}

// Code that runs keeps the size that it has found.
void Session::on(protocol::Resize& request, ReplyOnce reply) {
  window_ = {request.columns, request.lines};
  reply.answer(protocol::ResizeReply{});
}

void Session::on(OfFile auto& request, ReplyOnce reply) {
  if (const std::string key = json_of(*reply.id()); saves_.find(key))
    return reply.refuse(ErrorCode::kDuplicateId, "/id: " + key + " is in use");
  constexpr bool kSaves = std::is_same_v<decltype(request), protocol::Save&>;
  using Transfer = std::conditional_t<kSaves, runtime::Save, runtime::Load>;
  queue_.add(Transfer{std::move(request.path), std::move(request.names)}, std::move(reply),
             {busy(), running_ ? std::string_view(running_->key()) : std::string_view()});
}

void Session::on(OfComm auto& request, ReplyOnce reply) {
  queue_.add(comm_message(request), std::move(reply),
             running_ ? std::string_view(running_->key()) : std::string_view());
}

void Session::on(protocol::Status& request, ReplyOnce reply) {
  if (!request.stack.value_or(false)) return reply.answer(protocol::StatusReply{facts()});
  statuses_.add(std::move(reply));
  parts_.stack.take([this](const WorkerStack::Outcome& outcome) {
    const LockAndDeliver lock(*this);
    if (!ending_.over()) statuses_.answer(outcome, facts());
  });
}

protocol::State Session::state() const {
  if (held_ > 0) return protocol::State::kStopped;
  if (!running_) return busy() ? protocol::State::kBusy : protocol::State::kIdle;
  const auto waits = [this](InputDesk::Kind kind) {
    return inputs_.waits_for(running_->serial(), kind);
  };
  return waits(InputDesk::Kind::kInput)  ? protocol::State::kWaitingForInput
         : waits(InputDesk::Kind::kCall) ? protocol::State::kWaitingForCall
                                         : protocol::State::kBusy;
}

protocol::SessionFacts Session::facts() const {
  protocol::SessionFacts facts = {};
  facts.state = state();
  if (running_) {
    facts.execution_id = running_->id();
    facts.elapsed = running_->elapsed(Clock::now());
  }
  facts.queued = static_cast<std::int64_t>(queue_.size());
  facts.pending_inputs = inputs_.ids(InputDesk::Kind::kInput);
  facts.pending_calls = inputs_.ids(InputDesk::Kind::kCall);
  facts.memory_usage = resident_bytes(parts_.link.process());
  facts.cpu_seconds = cpu_seconds(parts_.link.process());
  if (recovery_) facts.snapshots = recovery_->facts();
  return facts;
}

}  // namespace replwire::server
