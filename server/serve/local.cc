// The server and its interpreter in one process.
#include "server/serve/local.h"

#include <unistd.h>

#include "runtime/memory_limit.h"
#include "server/link/local_link.h"
#include "server/output/last_words.h"
#include "server/serve/server.h"
#include "server/serve/start_interpreter.h"
#include "server/system/private_range.h"
#include "server/system/threads.h"

namespace replwire::server {
namespace {

// The first thread is the worker, which runs Python until the session is over.
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
    link_->connect([this](runtime::Event event) { server_.session().receive(std::move(event)); },
                   [this](const runtime::Inquiry& inquiry) { answer(inquiry); });
  }

  [[noreturn]] void run(const StartPython& start, const std::string& why) {
    server_.start_log(why);
    // One for the reader, one for all the rest: capture, timers, signals, a client that is behind.
    const std::array threads = {start_thread("io", [this] { server_.io().run(); }),
                                start_thread("io", [this] { server_.io().run(); })};
    last_words::install(server_.writer(), server_.outputs(), stack_.crash.get());
    watch_forks();
    const std::string failure =
        start_interpreter(server_.options(), *interpreter_, start, stack_, control_, false,
                          [this](const std::string& remark) { server_.say(remark); });
    if (!failure.empty()) server_.fail(failure);
    last_words::await_install();
    server_.open(interpreter_->facts(), ::getpid());
    interpreter_->serve();
    interpreter_->run_exit_handlers();
    server_.session().finish();
    const runtime::GilRelease released;
    for (;;) ::pause();
  }

 private:
  void answer(const runtime::Inquiry& inquiry) {
    std::optional<runtime::InquiryReply> told;
    {
      const runtime::GilHold held;
      told = interpreter_->answer(inquiry);
    }
    link_->send(*std::move(told));
  }

  runtime::InterpreterControl control_;
  CapturePipes capture_;
  StackFiles stack_;
  LocalLink* link_ = nullptr;  // the server's
  Server server_;
  std::optional<runtime::Interpreter> interpreter_;
};

}  // namespace

void serve(const Options& options, const TakeStreams& take, const StartPython& start,
           const std::string& why) {
  runtime::memory_limit::prepare(options.memory_limit);
  std::optional<LocalServer> server;
  {
    const PrivateRange range;
    server.emplace(options, take());
  }
  server->run(start, why);
}

}  // namespace replwire::server
