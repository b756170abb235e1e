#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace replwire::runtime {

// The pages of memory that one execution after the other writes to: what Python and its libraries
// work with. A page that the process shares with a snapshot is copied when it is first written,
// which takes two to three microseconds; so these are copied while the client thinks.
//
// Which they are is found now and then, from two executions in a row before which nothing was
// copied: what both have written to, but for what is written to before every execution. That leaves
// out what was new in one of them. Fewer than 64 pages are not worth a copy. Regions of more than
// 256 MiB are not looked through, nor is what comes after the first GiB.
//
// Where the system cannot tell (no /proc) or copy (MADV_POPULATE_WRITE, Linux 5.14) there are none.
class HotPages {
 public:
  // A snapshot is about to be taken: what is the process's alone was written since the last one.
  void before_snapshot();
  // It has been taken, and prefault_pages() has run.
  void after_snapshot();
  bool any_left() const { return next_ < runs_.size(); }
  // Copies a few of them, in less than a tenth of a millisecond.
  void copy_some();
  // Until the next snapshot none are copied.
  void rest() { next_ = runs_.size(); }

 private:
  using Page = std::uintptr_t;  // its address
  struct Run {
    Page begin;
    std::size_t pages;
  };

  void settle(const std::vector<Page>& written);

  bool shared_ = false;           // there has been a snapshot
  std::vector<Page> prefaulted_;  // written to before the execution, whatever it is
  std::vector<Page> sample_;      // what the first of the two has written to; empty: none yet
  unsigned pause_ = 1;            // snapshots between two looks; doubles
  unsigned until_look_ = 1;       // snapshots
  std::vector<Run> runs_;
  std::size_t next_ = 0;  // the run that is copied next
};

}  // namespace replwire::runtime
