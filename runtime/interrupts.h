#pragma once

#include <atomic>
#include <cstdint>

// How an interrupt reaches user code, and nothing else. The session sends the worker thread
// `signal_number()` with the execution's serial as its value; the handler drops it unless that very
// execution is under way, and raises SIGINT for Python only while user code is in hand. So a late
// one can hit neither the next execution nor our own Python code, whatever user code did to the
// SIGINT handler. The signal also wakes the thread from a system call; one with value 0 does
// that, and has an interrupt that met SIGINT ignored (as os.system has it) tried once more.
namespace replwire::runtime::interrupts {

// Async-signal-safe, as are all that touch the state: they run on the worker thread.
int signal_number();
void install();

// For the interrupt that is sent next, on any thread: what is readable when a child has ended that
// is signalled with the worker; -1: none. Code goes on a moment later, when that has died of it.
void set_child(int descriptor);
// What runs, for others to look at.
struct Running {
  std::atomic<std::uint64_t> serial{0};
  std::atomic<bool> active{false};
  std::atomic<std::uint64_t> stirring{0};  // what is busy at rest; odd while something is
};
// From here on it stands there, which may be memory that several processes share.
void share(Running& place);
// In a process that goes on where another one was at rest.
void go_on_at_rest();

// Async-signal-safe. The event loop runs tasks at rest, from `stir` to `rest`. What is busy then is
// named as an execution is, by a value of its own.
void stir();
void rest();
bool is_at_rest(std::uint64_t target);

void begin(std::uint64_t serial);  // from here on an interrupt of this execution is kept…

// …and acted on while one of these lives: user code is in hand.
class Window {
 public:
  Window();
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;
  // What came too late for user code to see waits for the execution's next window, if there is one:
  // its value's repr. The pending exception stays.
  ~Window();
};

void end();

// The execution under way; what is busy at rest; else 0. Async-signal-safe, on any thread.
std::uint64_t current();

// Whether Python's handler for SIGINT is the event loop's: a nudge calls that one again.
void set_loop_handles(bool value);

// For that handler: whether it was called for an interrupt, not for a nudge.
bool take_fresh();

// Lets Python run handlers of signals that came while no user code was in hand. Their
// KeyboardInterrupt is dropped: nothing was running. Returns whether there was one.
bool settle_signals();

}  // namespace replwire::runtime::interrupts
