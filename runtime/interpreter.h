#pragma once

#include <string>

#include "runtime/answers/advisor.h"
#include "runtime/answers/presenter.h"
#include "runtime/answers/reporter.h"
#include "runtime/answers/teller.h"
#include "runtime/execution/compiler.h"
#include "runtime/execution/ipython.h"
#include "runtime/execution/loop.h"
#include "runtime/hooks/hooks.h"
#include "runtime/interpreter_control.h"
#include "runtime/link.h"
#include "runtime/main_module.h"
#include "runtime/os/hot_pages.h"

namespace replwire::runtime {

// Serves a link with a Python that has been started: one Run at a time, on the thread that made
// it, which is Python's main thread and holds the GIL but for the waits. Holds nothing but the
// interpreter and the Run in hand.
class Interpreter {
 public:
  Interpreter(Link& link, InterpreterControl& control)
      : link_(link), control_(control), hooks_(link), presenter_(link) {}
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  // `memory_limit`: bytes that the process may have while user code runs; 0: no limit. False with a
  // Python exception set.
  bool start(std::size_t memory_limit);

  PythonFacts facts() const;

  // Has the Python stack written into the file when a deadly signal comes, before the handlers
  // that are installed already run. False with a Python exception set.
  static bool note_crashes(int file);

  // Runs a file in the session's namespace. Returns what it raised in one line, or nothing.
  std::string run_startup(const std::string& path);

  // Static analysis by jedi is to help `answer`. False when this Python has no jedi.
  bool use_jedi() { return advisor_.use_jedi(); }

  // Its shell gets the session's namespace. Why not, in one line, or nothing.
  std::string use_ipython();

  // What columns and positions count: "utf-8", "utf-16" or "utf-32".
  void set_position_encoding(const std::string& encoding);

  // What COLUMNS and LINES say; 0: as it is. Done when it is another size than the last time.
  void tell_window(const WindowSize& size);

  // Of matplotlib's figures: "png" or "svg".
  void set_figure_format(const std::string& format);

  // On any thread that holds the GIL, whatever runs.
  InquiryReply answer(const Inquiry& inquiry) { return advisor_.answer(inquiry); }

  // Takes commands until Stop; or, in a child that user code forked, until it comes here. Returns
  // the process's exit status, as Python would have it.
  int serve();

  // Before Python ends by itself, which can be interrupted as something that is busy at rest. What
  // this object still keeps from being deleted goes with the object.
  void end();

 private:
  Command next_command();
  bool copy_hot_pages();
  std::optional<Command> wait_for_command();
  void handle(const Run& run);
  void handle(const Reset& reset);
  void handle(const LoadIpython& load);
  void handle(const Define& functions);
  static std::vector<std::string> note_threads();
  void handle(const Checkpoint& checkpoint);
  void prefault_pages();
  void go_on_as_snapshot(std::vector<std::string> threads, Lost lost);
  void handle(const SaveApart& apart);
  void handle(const Stop& stop);
  Outcome execute(const Run& run);
  Outcome execute_code(const Run& run);
  void end_in_ipython(bool compiled);
  Outcome run_cell(const Run& run, const Cell& cell);
  Ref space_of(const Run& run);
  Outcome failure_to_compile(const Run& run, const Ref& filename, const Ref& space);
  Outcome failure(const Ref& exception, const Run& run, const Cell* cell);
  bool left_as_child();
  static void run_exit_handlers();
  Ref run_code(const Run& run, const Cell& cell);
  Ref evaluate(const Cell& cell);
  Outcome complete(const Run& run, const Cell& cell, const Ref& value);
  Outcome deliver(const CommMessage& message, const Run& run);
  Outcome transfer(const Run& run);
  bool tell_result(const Run& run, const Ref& value, Presentation& told);
  bool tell_expression(const Run& run, const Cell& beside, const Expression& expression,
                       Presentation& told);
  Failure failure_of_expression();

  Link& link_;
  InterpreterControl& control_;
  Hooks hooks_;
  Compiler compiler_;
  Reporter reporter_;
  Presenter presenter_;
  MainModule main_;
  Loop loop_;
  Ipython ipython_;
  Teller teller_{link_, presenter_, main_, ipython_};
  Advisor advisor_{hooks_, main_};
  WindowSize window_ = {};
  std::string unsaid_;  // that the next execution says on stderr
  bool stopped_ = false;
  int status_ = 0;
  bool prefault_again_ = false;
  HotPages hot_;
  Ref renewal_;  // what a woken snapshot runs first; once loaded, its pages are those of all
};

}  // namespace replwire::runtime
