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

template <class T, class... Types>
concept OneOf = (std::same_as<T, Types> || ...);
// Requests about the sessions that there are.
template <class T>
concept OfHost = OneOf<T, protocol::Sessions, protocol::Close>;
// What is answered as soon as running code lets it in.
template <class T>
concept Inquiring = OneOf<T, protocol::Complete, protocol::Inspect, protocol::IsComplete,
                          protocol::Variables, protocol::Debug>;
template <class T>
concept OfComm = OneOf<T, protocol::CommOpen, protocol::CommMsg, protocol::CommClose>;
template <class T>
concept OfFile = OneOf<T, protocol::Save, protocol::Load>;

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

template <class Request>
runtime::Errand transfer(Request& request) {
  using Transfer =
      std::conditional_t<std::is_same_v<Request, protocol::Save>, runtime::Save, runtime::Load>;
  return Transfer{std::move(request.path), std::move(request.names)};
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
      [&](Inquiring auto& request, ReplyOnce reply) { inquiries_.ask(request, std::move(reply)); },
      [&](OneOf<protocol::InputResponse, protocol::CallResponse> auto& request, ReplyOnce reply) {
        inputs_.respond(request, std::move(reply));
      },
      [&](OneOf<protocol::OutputGet, protocol::Status> auto& request, ReplyOnce reply) {
        on(request, std::move(reply));
      },
      [&](protocol::Interrupt& request, ReplyOnce reply) {
        turns_.interrupt(request, std::move(reply));
      },
      [&](protocol::Shutdown& /*request*/, ReplyOnce reply) {
        ending_.add(std::move(reply));
        shut_down();
      },
      // Code that runs keeps the size that it has found.
      [&](protocol::Resize& request, ReplyOnce reply) {
        turns_.set_window({request.columns, request.lines});
        reply.answer(protocol::ResizeReply{});
      },
      [&]<OfHost Request>(Request& request, ReplyOnce reply) {
        if (parts_.host == nullptr) return;
        if constexpr (std::is_same_v<Request, protocol::Close>) {
          parts_.host->close(request.session, std::move(reply));
        } else {
          parts_.host->list(*this, std::move(reply));
        }
      },
      [&](OfComm auto& request, ReplyOnce reply) {
        turns_.add(comm_message(request), std::move(reply));
      },
      [&](OfFile auto& request, ReplyOnce reply) {
        turns_.add(transfer(request), std::move(reply));
      },
      // What takes its turn.
      [&](auto& request, ReplyOnce reply) { turns_.add(std::move(request), std::move(reply)); }};
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

void Session::on(const protocol::OutputGet& request, ReplyOnce reply) {
  const auto stream = static_cast<runtime::Stream>(request.stream);
  auto part = parts_.outputs.spooled(request.execution_count, stream, request.offset, request.size);
  if (!part) {
    return reply.refuse(ErrorCode::kInvalidField,
                        "/execution_count: nothing is kept of that output");
  }
  reply.answer(
      protocol::OutputGetReply{{}, text::base64(part->bytes), request.offset, part->total});
}

void Session::on(const protocol::Status& request, ReplyOnce reply) {
  if (!request.stack.value_or(false)) return reply.answer(protocol::StatusReply{turns_.facts()});
  statuses_.add(std::move(reply));
  parts_.stack.take([this](const WorkerStack::Outcome& outcome) {
    const LockAndDeliver lock(*this);
    if (!ending_.over()) statuses_.answer(outcome, turns_.facts());
  });
}

}  // namespace replwire::server
