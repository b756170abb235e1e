#include "server/serve/remote.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>

#include "server/output/last_words.h"
#include "server/serve/branches.h"
#include "server/serve/origins.h"
#include "server/serve/server.h"
#include "server/serve/start_interpreter.h"
#include "server/survive/server/remote_link.h"
#include "server/system/descriptors/private_range.h"
#include "server/system/threads.h"

namespace replwire::server::survive {
namespace {

class RemoteServer {
 public:
  RemoteServer(const Options& options, StandardStreams streams, Channels& channels,
               Descriptor signals, Descriptor origin, Origins& origins)
      : stack_(channels.stack),
        branches_(options, [&origins] { return origins.make(); }),
        server_(options, std::move(streams),
                {channels.capture, channels.stack, &channels.output, std::move(signals)},
                [&](asio::io_context& io, Outputs&) {
                  auto link = std::make_unique<RemoteLink>(io, branches_.reaper(io), channels,
                                                           std::move(origin),
                                                           [&origins] { return origins.make(); });
                  link_ = link.get();
                  return link;
                },
                &branches_, {branches_.incoming(), [this] { branches_.take_incoming(); }}) {
    channels.capture.redirect();
    branches_.serve(server_, *link_, channels);
    link_->connect(server_.outputs(),
                   {[this](const Started& started) { python_started(started); },
                    [this](runtime::Event event) { server_.session().receive(std::move(event)); },
                    [](const std::string& /*failure*/) {}, [this] { server_.session().finish(); },
                    [this](const Death& death) { died(death); }});
  }

  [[noreturn]] void run(const std::string& why) {
    server_.start_log(why);
    try {
      start_threads();
    } catch (const std::system_error& error) {
      server_.fail(std::string("cannot start a thread: ") + error.what());
    }
    OutsideSignals::install(link_->control());
    link_->wake(0);
    server_.io().run();
    for (;;) ::pause();
  }

 private:
  void start_threads() {
    thread_ = start_thread("io", [this] { server_.io().run(); });
    // A copy of the descriptors would hold open the interpreter's end of the link as well.
    last_words::install(server_.writer(), server_.outputs(), stack_.crash.get(), nullptr);
  }

  void python_started(const Started& started) {
    if (opened_) return server_.session().receive(runtime::Restored{});
    for (const std::string& remark : started.remarks) server_.say(remark);
    if (!started.failure.empty()) server_.fail(started.failure);
    opened_ = true;
    server_.open(started.python, link_->process());
  }

  void died(const Death& death) {
    if (opened_) return server_.session().interpreter_died(death);
    // A Python that will not do has said so itself.
    if (WIFEXITED(death.status) && WEXITSTATUS(death.status) == kWrongUsage) ::_exit(kWrongUsage);
    server_.fail("Python did not start: its process died");
  }

  StackFiles& stack_;
  RemoteLink* link_ = nullptr;  // the server's
  Branches branches_;
  Server server_;
  bool opened_ = false;
  std::thread thread_;
};

}  // namespace

void serve(const Options& options, const TakeStreams& take, const BecomeInterpreter& become,
           const std::string& why, const Sandbox& sandbox) {
  // All of it lives as long as the process: nothing returns from here, and what an exit() of C
  // destroys is not among it.
  StandardStreams streams;
  std::optional<Channels> channels;
  Descriptor signals;
  try {
    const PrivateRange range;
    streams = take();
    channels.emplace();
    signals = OutsideSignals::open();
  } catch (const std::exception& error) {
    cannot_start(error);
  }
  std::signal(SIGINT, SIG_DFL);  // inherited "ignore" is not the user's wish: see embed.cc
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  Origins origins(*channels, become, sandbox, streams.error);
  Descriptor origin = origins.make();
  if (!origin) cannot_start(std::system_error(errno, std::generic_category(), "fork"));
  RemoteServer* server = nullptr;
  try {
    server = new RemoteServer(options, std::move(streams), *channels, std::move(signals),
                              std::move(origin), origins);
  } catch (const std::exception& error) {
    cannot_start(error);
  }
  server->run(why);
}

}  // namespace replwire::server::survive
