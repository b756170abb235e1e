#pragma once

namespace replwire::server {

// Whether code of this process has started processes, which may write to its descriptors yet: those
// that live, and those that lived, since they may have left children of their own behind.
class ChildWatch {
 public:
  // Any since the last `begin`. Two system calls, no walk.
  bool any() const;
  // The same of those that are gone: one system call.
  bool any_gone() const { return trace_of_reaped() != reaped_; }
  void begin() { reaped_ = trace_of_reaped(); }

 private:
  static long trace_of_reaped();

  long reaped_ = trace_of_reaped();
};

}  // namespace replwire::server
