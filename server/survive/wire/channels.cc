#include "server/survive/wire/channels.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <span>

#include "server/system/outside_signals.h"

namespace replwire::server::survive {
namespace {

Descriptor place() { return needed(::open("/dev/null", O_RDONLY | O_CLOEXEC), "/dev/null"); }

}  // namespace

Channels::Channels()
    : server(::getpid()),
      output_call(needed(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      link(place()),
      inquiries(place()) {}

// In the order of `leave_open`.
Channels::Channels(const std::vector<int>& numbers)
    : server(numbers.at(0)),
      capture(numbers.at(1), numbers.at(2), numbers.at(3), numbers.at(4)),
      output(Descriptor(numbers.at(5))),
      output_call(numbers.at(6)),
      stack{Descriptor(numbers.at(7)), Descriptor(numbers.at(8)), Descriptor(numbers.at(9))},
      link(numbers.at(10)),
      inquiries(numbers.at(11)) {
  for (std::size_t i = 1; i < numbers.size(); ++i) ::fcntl(numbers[i], F_SETFD, FD_CLOEXEC);
  OutsideSignals::note_to(numbers.at(12));
}

std::vector<int> Channels::numbers() const {
  std::vector<int> numbers = {server};
  const auto ends = capture.ends();
  numbers.insert(numbers.end(), ends.begin(), ends.end());
  numbers.push_back(output.descriptor());
  for (const Descriptor* each :
       {&output_call, &stack.asked, &stack.told, &stack.crash, &link, &inquiries}) {
    numbers.push_back(each->get());
  }
  numbers.push_back(signals ? signals.get() : OutsideSignals::noting());
  return numbers;
}

std::vector<int> Channels::leave_open() const {
  std::vector<int> all = numbers();
  for (std::size_t i = 1; i < all.size(); ++i) ::fcntl(all[i], F_SETFD, 0);
  return all;
}

bool Channels::become(std::vector<Descriptor> others) {
  capture.become(CapturePipes(std::span(others).first<4>()));
  if (!output.become(others[4])) return false;
  const std::array<int, 7> places = {output_call.get(),       stack.asked.get(), stack.told.get(),
                                     stack.crash.get(),       link.get(),        inquiries.get(),
                                     OutsideSignals::noting()};
  for (std::size_t i = 0; i < places.size(); ++i) ::dup3(others[5 + i].get(), places[i], O_CLOEXEC);
  return true;
}

std::optional<SocketPair> SocketPair::open(int type) {
  std::array<int, 2> ends = {-1, -1};
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0) return std::nullopt;
  return SocketPair{Descriptor(ends[0]), Descriptor(ends[1])};
}

}  // namespace replwire::server::survive
