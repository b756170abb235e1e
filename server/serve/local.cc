// The server and its interpreter in one process.
#include "server/serve/local.h"

#include <unistd.h>

#include <array>
#include <exception>
#include <system_error>
#include <thread>

#include "runtime/execution/visit.h"
#include "runtime/os/memory_limit.h"
#include "server/link/local_link.h"
#include "server/output/last_words.h"
#include "server/serve/server.h"
#include "server/serve/start_interpreter.h"
#include "server/system/descriptors/event_descriptors.h"
#include "server/system/descriptors/private_range.h"
#include "server/system/threads.h"

namespace replwire::server {
namespace {

// The first thread is the worker, which runs Python until the session is over. Never deleted: the
// other threads run until the process ends.
class LocalServer {
 public:
  LocalServer(const Options& options, StandardStreams streams)
      : server_(options, std::move(streams), {capture_, stack_, nullptr, OutsideSignals::open()},
                [this](asio::io_context&, Outputs& outputs) {
                  auto link = std::make_unique<LocalLink>(outputs, control_);
                  link_ = link.get();
                  return link;
                }) {
    capture_.redirect();
    interpreter_.emplace(*link_, control_);
    link_->connect([this](runtime::Event event) { receive(std::move(event)); },
                   [this](const runtime::Inquiry& inquiry) { answer(inquiry); });
  }

  int run(const StartPython& start, const std::string& why) {
    server_.start_log(why);
    try {
      start_threads();
    } catch (const std::system_error& error) {
      server_.fail(std::string("cannot start a thread: ") + error.what());
    }
    watch_forks();
    const std::string failure =
        start_interpreter(server_.options(), *interpreter_, start, stack_, control_, false,
                          [this](const std::string& remark) { server_.say(remark); });
    if (!failure.empty()) server_.fail(failure);
    last_words::handle_other_signals();
    last_words::await_install();
    server_.open(interpreter_->facts(), ::getpid());
    const int status = interpreter_->serve();
    last_words::expect_exit([this] { finish(); });
    interpreter_->end();
    interpreter_.reset();
    return status;
  }

 private:
  // One for the reader, one for all the rest: capture, timers, signals, a client that is behind.
  void start_threads() {
    for (std::thread& thread : threads_) {
      thread = start_thread("io", [this] { server_.io().run(); });
    }
    last_words::install(server_.writer(), server_.outputs(), stack_.crash.get(), &capture_);
  }

  // An execution may have closed what the server needs: looked at when its result is on its way, so
  // that no client waits for that.
  void receive(runtime::Event event) {
    const bool ends = std::holds_alternative<runtime::Done>(event);
    server_.session().receive(std::move(event));
    if (ends && !events_.intact()) descriptors_gone();
  }

  void answer(const runtime::Inquiry& inquiry) {
    std::optional<runtime::InquiryReply> told;
    {
      const runtime::Visit visit;
      told = interpreter_->answer(inquiry);
    }
    link_->send(*std::move(told));
  }

  // Python and C have come to their ends.
  [[noreturn]] void finish() {
    server_.session().finish();
    for (;;) ::pause();
  }

  runtime::InterpreterControl control_;
  CapturePipes capture_;
  StackFiles stack_;
  LocalLink* link_ = nullptr;  // the server's
  Server server_;
  EventDescriptors events_;
  std::optional<runtime::Interpreter> interpreter_;
  std::array<std::thread, 2> threads_;
};

}  // namespace

int serve(const Options& options, const TakeStreams& take, const StartPython& start,
          const std::string& why) {
  runtime::memory_limit::prepare(options.memory_limit);
  LocalServer* server = nullptr;
  try {
    const PrivateRange range;
    server = new LocalServer(options, take());
  } catch (const std::exception& error) {
    cannot_start(error);
  }
  return server->run(start, why);
}

}  // namespace replwire::server
