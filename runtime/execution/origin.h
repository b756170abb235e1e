#pragma once

#include "runtime/link.h"
#include "runtime/object.h"

// Which execution a write or a question comes from: that which started the task it comes from;
// else the Run in hand for the worker thread, the execution that started it for any other thread.
namespace replwire::runtime {

class Origin {
 public:
  // The calling thread becomes the worker.
  static void claim_worker();
  static bool is_worker();
  // With the GIL held; valid until it is given up.
  static const ExecutionRef& current();

  // The Run in hand, for Python to keep.
  static Ref capsule();

  // From here on threads, and the worker while one of these lives, are asked what this context
  // variable holds first: such a capsule, or None.
  static bool track_tasks(PyObject* variable);
  class OfTasks {
   public:
    OfTasks();
    OfTasks(const OfTasks&) = delete;
    OfTasks& operator=(const OfTasks&) = delete;
    ~OfTasks();
  };

  // The Run in hand; null at rest. For the worker.
  static void set_run(ExecutionRef execution);

  // Wraps the functions of `_thread` that start threads, so that a thread knows its origin.
  static bool patch_threads();

  // Called in each thread that Python code has started, with the GIL, when its code is over.
  static void at_thread_end(void (*function)());

 private:
  static const ExecutionRef& of_task();
};

}  // namespace replwire::runtime
