#include "server/survive/server/remote_link.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <span>
#include <utility>

#include "runtime/os/stack_dump.h"
#include "server/survive/wire/packing.h"
#include "server/system/overloaded.h"
#include "server/system/process/process.h"

namespace replwire::server::survive {
namespace {

constexpr auto kReadable = asio::posix::stream_descriptor::wait_read;

// The signals that the process has a handler for, as a line of /proc tells them.
std::uint64_t handled_signals(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("SigCgt:")) return std::strtoull(line.c_str() + 7, nullptr, 16);
  }
  return 0;
}

// An interrupt that came before the execution did must not meet it: here it may still be pending,
// for the thread that handles signals.
void let_interrupts_in() {
  sigset_t interrupt;
  sigset_t before;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  ::pthread_sigmask(SIG_UNBLOCK, &interrupt, &before);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// What is needed to wake one, and to end, must still be had; the lowest free number is given out.
bool leaves_room(const Descriptor& descriptor) {
  constexpr rlim_t kKept = 32;
  rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<rlim_t>(descriptor.get()) + kKept < limit.rlim_cur;
}

}  // namespace

RemoteLink::RemoteLink(asio::io_context& io, Reaper& reaper, Channels& channels, Descriptor origin,
                       std::function<Descriptor()> make_origin, int mark, bool of_branch)
    : InterpreterLink(channels.output.control()),
      io_(io),
      strand_(asio::make_strand(io)),
      reaper_(reaper),
      channels_(channels),
      mark_(mark),
      output_call_(
          io, needed(::fcntl(channels.output_call.get(), F_DUPFD_CLOEXEC, 3), "dup").release()),
      incoming_(needed(::epoll_create1(EPOLL_CLOEXEC), "epoll")),
      commands_(io),
      inquiries_(io),
      sleepers_(std::move(origin), std::move(make_origin), of_branch),
      copies_(strand_, [this](runtime::Event event) { handlers_.event(std::move(event)); }) {}

RemoteLink::RemoteLink(asio::io_context& io, Reaper& reaper, Channels& channels,
                       std::function<Descriptor()> make_origin, int mark)
    : RemoteLink(io, reaper, channels, {}, std::move(make_origin), mark, true) {}

RemoteLink::RemoteLink(asio::io_context& io, Reaper& reaper, Channels& channels, Descriptor origin,
                       std::function<Descriptor()> make_origin)
    : RemoteLink(io, reaper, channels, std::move(origin), std::move(make_origin),
                 channels.output.descriptor(), false) {}

void RemoteLink::connect(Outputs& outputs, Handlers handlers) {
  outputs_ = &outputs;
  handlers_ = std::move(handlers);
  watch_output();
  reaper_.add(*this);
}

void RemoteLink::disconnect(std::function<void()> then) {
  reaper_.remove(*this);
  asio::post(strand_, [this, then = std::move(then)] {
    boost::system::error_code ignored;
    output_call_.cancel(ignored);
    copies_.clear();
    close_socket();
    asio::post(io_, then);
  });
}

// ---- towards the interpreter ----------------------------------------------------------------

void RemoteLink::post(runtime::Command command) {
  if (const auto* run = std::get_if<runtime::Run>(&command)) {
    let_interrupts_in();
    const std::lock_guard lock(mutex_);
    newest_ = run->execution;
  }
  commands_.add(packed(ToWorker(std::move(command))));
}

void RemoteLink::answer(std::uint64_t number, runtime::Answer answer) {
  questions_.answer(number, [&](bool by_worker) {
    GivenAnswer given = {number, std::move(answer)};
    if (by_worker) {
      commands_.add(packed(ToWorker(std::move(given))));
    } else {
      inquiries_.add(packed(ToReader(std::move(given))));
    }
  });
}

void RemoteLink::ask(runtime::Inquiry inquiry) {
  const std::string bytes = packed(ToReader(inquiry));
  questions_.add(std::move(inquiry));
  if (process() == 0) return;  // it is asked when there is one again
  inquiries_.add(bytes);
  inquiries_.flush();
}

// Every one has a descriptor under that number, which forked children of user code's close. Not
// access(): of a socket there is nothing to look at.
bool RemoteLink::is_interpreter(pid_t process) const {
  const std::string path = "/proc/" + std::to_string(process) + "/fd/" + std::to_string(mark_);
  struct stat there = {};
  return ::lstat(path.c_str(), &there) == 0;
}

bool RemoteLink::stack_can_be_asked_for() const {
  const int bit = runtime::stack_dump::signal_number() - 1;
  return (handled_signals(process()) >> static_cast<unsigned>(bit) & 1U) != 0;
}

std::vector<pid_t> RemoteLink::sleepers() const {
  std::vector<pid_t> all = sleepers_.processes();
  const std::vector<pid_t> copies = copies_.processes();
  all.insert(all.end(), copies.begin(), copies.end());
  return all;
}

std::vector<pid_t> RemoteLink::give_up_sleepers() {
  std::vector<pid_t> ending = sleepers_.clear();
  const std::vector<pid_t> copies = copies_.give_up();
  ending.insert(ending.end(), copies.begin(), copies.end());
  return ending;
}

std::vector<pid_t> RemoteLink::earlier_children() const {
  const std::lock_guard lock(mutex_);
  return earlier_children_;
}

// ---- from the interpreter -------------------------------------------------------------------

void RemoteLink::watch_output() {
  output_call_.async_wait(
      kReadable, asio::bind_executor(strand_, [this](const boost::system::error_code& error) {
        if (error) return;
        std::uint64_t count = 0;
        if (::read(output_call_.native_handle(), &count, sizeof count) > 0) outputs_->take_soon();
        watch_output();
      }));
}

// The strand may be another thread's at the moment.
void RemoteLink::take_incoming() {
  taken_ = false;
  asio::dispatch(strand_, [this] {
    read();
    taken_ = true;
    taken_.notify_one();
  });
  taken_.wait(false);
}

// What is there; false when nothing is. At its end the process is dying, or was none from the
// start, or user code has closed its descriptors and it can tell us nothing any more.
bool RemoteLink::read() {
  if (!socket_) return false;
  const ssize_t size = in_.receive(socket_.get(), MSG_DONTWAIT);
  if (size < 0) return errno == EINTR;
  if (size == 0) {
    close_socket();
    end_unheard();
    return false;
  }
  while (auto received = in_.take()) {
    outputs_->take_until(received->position);
    auto message = unpacked<Message>(received->body);
    if (message) take(*std::move(message), std::move(received->descriptors));
  }
  return true;
}

void RemoteLink::end_unheard() {
  if (process() != 0) return kill();
  outputs_->take_rest();  // of a message that it had announced, perhaps
  handlers_.died({0, 0, {}, false, false});
}

// Its copies would keep it among those that are waited for.
void RemoteLink::close_socket() {
  if (socket_) ::epoll_ctl(incoming_.get(), EPOLL_CTL_DEL, socket_.get(), nullptr);
  socket_ = {};
}

void RemoteLink::take(Message message, std::vector<Descriptor> descriptors) {
  descriptors_ = std::move(descriptors);
  std::visit(Overloaded{[this](NotCopied& told) { handlers_.not_copied(told.failure); },
                        [this](Started& started) {
                          on_interpreter_running();
                          handlers_.started(started);
                        },
                        [this](LockTaken& /*taken*/) { sleepers_.let_go_of_locked(); },
                        [this](Ended& /*ended*/) { handlers_.ended(); },
                        [this](EarlierChildren& earlier) {
                          const std::lock_guard lock(mutex_);
                          earlier_children_ = std::move(earlier.pids);
                        },
                        [this](auto& each) { on(each); }},
             message);
}

// It is the strand that would reap it: the number is still its own.
void RemoteLink::on(const Hello& hello) {
  const std::lock_guard lock(signalling_);
  interpreter_ = open_process(hello.pid);
  control_.set_process(hello.pid);
}

// It has back what the one before it had, and is asked what that one has not answered.
void RemoteLink::on_interpreter_running() {
  started_ = true;
  sleepers_.set_keeper({}, 0);
  questions_.for_each_inquiry(
      [this](const runtime::Inquiry& inquiry) { inquiries_.add(packed(ToReader(inquiry))); });
  inquiries_.flush();
}

// One without its socket can never be woken: it sees that, and ends.
void RemoteLink::on(Asleep& asleep) {
  if (descriptors_.size() == 1 && leaves_room(descriptors_.front())) {
    sleepers_.add(asleep.number, std::move(descriptors_.front()), asleep.pid);
  } else if (asleep.pid > 0) {
    asleep.failure = "the server has no descriptors left for it";
  }
  handlers_.event(runtime::Checkpointed{asleep.number, std::move(asleep.failure)});
}

// One without its socket is killed by the first thing that it says.
void RemoteLink::on(CopyStarted& started) {
  if (descriptors_.size() == 1 && leaves_room(descriptors_.front())) {
    copies_.add(started.serial, std::move(descriptors_.front()), started.pid);
  } else if (started.pid > 0) {
    started.failure = "the server has no descriptors left for it";
  }
  handlers_.event(runtime::CopyBegun{started.serial, std::move(started.failure)});
}

void RemoteLink::on(const KeeperStarted& started) {
  if (descriptors_.size() != 1) return;  // it can never be asked, sees that, and ends
  sleepers_.set_keeper(std::move(descriptors_.front()), started.pid);
}

// Where the system had no numbers for them, what they bring comes when the interpreter looks.
void RemoteLink::on(const PipesApart& apart) {
  if (descriptors_.size() != 4) return;
  outputs_->set_apart(apart.owner, CapturePipes(std::span(descriptors_).first<4>()));
}

// An execution that the session knows is told by the session's own object.
void RemoteLink::recognize(runtime::ExecutionRef& execution) {
  const std::lock_guard lock(mutex_);
  if (execution && newest_ && execution->serial == newest_->serial) execution = newest_;
}

void RemoteLink::on(runtime::Event& event) {
  std::visit(
      [this](auto& each) {
        if constexpr (requires { each.execution; }) recognize(each.execution);
        if constexpr (requires { questions_.note(each); }) questions_.note(each);
      },
      event);
  if (std::holds_alternative<runtime::Restored>(event)) on_interpreter_running();
  handlers_.event(std::move(event));
}

}  // namespace replwire::server::survive
