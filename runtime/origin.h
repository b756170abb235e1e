#pragma once

#include "runtime/link.h"
#include "runtime/object.h"

// Which execution a write or a question comes from: the Run in hand for the worker thread, the
// execution that started it for any other thread.
namespace replwire::runtime {

class Origin {
 public:
  // The calling thread becomes the worker.
  static void claim_worker();
  static bool is_worker();
  static const ExecutionRef& current();

  // The Run in hand; null at rest. For the worker.
  static void set_run(ExecutionRef execution);

  // Wraps the functions of `_thread` that start threads, so that a thread knows its origin.
  static bool patch_threads();
};

}  // namespace replwire::runtime
