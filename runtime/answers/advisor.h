#pragma once

#include "runtime/hooks/hooks.h"
#include "runtime/link.h"
#include "runtime/main_module.h"
#include "runtime/object.h"

namespace replwire::runtime {

// Answers inquiries about code from what the interpreter holds, without running any of the user's.
// The work is done by bundled Python code (runtime/python/inquiries/ask.py), loaded at the first
// inquiry. May be called from any thread, one at a time, with the GIL.
class Advisor {
 public:
  Advisor(const Hooks& hooks, const MainModule& main) : hooks_(hooks), main_(main) {}
  Advisor(const Advisor&) = delete;
  Advisor& operator=(const Advisor&) = delete;

  // What is in the namespace by now is the start-up file's, not the user's.
  void note_startup() { startup_ = Ref(PyDict_Copy(main_.space())); }

  // What it is done by: once, before `answer`, and for what else needs the names that are the
  // user's. False with a Python exception set.
  bool load();

  // Names that jedi finds are to be told as well. False when this Python has no jedi.
  bool use_jedi();

  // At Python's end: the session's namespace can be deleted.
  void forget();

  // Never fails: at worst it tells nothing, and why.
  InquiryReply answer(const Inquiry& inquiry);

 private:
  // What a function of ask.py returned: a tuple. None with a Python exception set.
  Ref consult(const char* function, const Ref& arguments);

  void tell(const Complete& inquiry, InquiryReply& told);
  void tell(const Inspect& inquiry, InquiryReply& told);
  void tell(const IsComplete& inquiry, InquiryReply& told);
  static Ref path_of(const Variables& inquiry);
  void tell(const Variables& inquiry, InquiryReply& told);
  static void tell(const Debug& inquiry, InquiryReply& told);

  const Hooks& hooks_;
  const MainModule& main_;
  bool with_jedi_ = false;
  Ref startup_;
  Ref ask_;  // namespace of the bundled module
};

}  // namespace replwire::runtime
