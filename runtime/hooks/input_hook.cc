#include "runtime/hooks/input_hook.h"

#include <algorithm>
#include <chrono>

#include "runtime/execution/interrupts.h"
#include "runtime/object.h"

namespace replwire::runtime::input_hook {
namespace {

constexpr std::chrono::nanoseconds kPause = std::chrono::milliseconds(20);

}  // namespace

void serve(Watch& watch) {
  watch.timeout = std::min(watch.timeout.value_or(kPause), kPause);
  interrupts::control().stir();
  {
    const GilRelease released;
    PyOS_InputHook();
  }
  interrupts::control().rest();
  interrupts::settle_signals();
}

}  // namespace replwire::runtime::input_hook
