#include "runtime/os/hot_pages.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <utility>

namespace replwire::runtime {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kPages = 600;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

bool can_copy(void* page) { return ::madvise(page, kPage, MADV_POPULATE_WRITE) == 0; }

// A block of memory, and a process that shares it as a snapshot does.
class HotPagesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (kSanitized) GTEST_SKIP() << "a sanitizer writes to pages of its own";
    void* const block =
        ::mmap(nullptr, kPages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(block, MAP_FAILED);
    ::madvise(block, kPages * kPage, MADV_NOHUGEPAGE);
    block_ = static_cast<char*>(block);
    if (!can_copy(block_)) GTEST_SKIP() << "no MADV_POPULATE_WRITE (Linux 5.14)";
    snapshot();
  }
  void TearDown() override {
    end_snapshot();
    if (block_ != nullptr) ::munmap(block_, kPages * kPage);
  }

  void snapshot() {
    hot_.before_snapshot();
    const pid_t next = ::fork();
    if (next == 0) {
      ::pause();
      ::_exit(0);
    }
    ASSERT_GT(next, 0);
    end_snapshot();
    snapshot_ = next;
    hot_.after_snapshot();
  }

  // Every third page of these, so that none is next to another.
  void write(std::size_t begin, std::size_t end) {
    for (std::size_t page = begin; page < end; page += 3) ++block_[page * kPage];
  }
  // In two executions, which makes them hot.
  void write_twice(std::size_t end) {
    for (int i = 0; i < 2; ++i) {
      write(0, end);
      snapshot();
    }
  }
  long faults_to_write(std::size_t begin, std::size_t end) {
    const long before = faults();
    write(begin, end);
    return faults() - before;
  }
  void copy_all() {
    while (hot_.any_left()) hot_.copy_some();
  }

  char* block_ = nullptr;
  HotPages hot_;

 private:
  static long faults() {
    rusage used = {};
    ::getrusage(RUSAGE_SELF, &used);
    return used.ru_minflt;
  }
  void end_snapshot() {
    if (snapshot_ <= 0) return;
    ::kill(snapshot_, SIGKILL);
    while (::waitpid(std::exchange(snapshot_, 0), nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  pid_t snapshot_ = 0;
};

TEST_F(HotPagesTest, WhatTwoInARowHaveWrittenToIsCopied) {
  write(0, kPages);
  snapshot();
  EXPECT_FALSE(hot_.any_left());
  write(0, kPages);
  snapshot();
  EXPECT_TRUE(hot_.any_left());
  copy_all();
  EXPECT_LT(faults_to_write(0, kPages), 20);
  snapshot();
  EXPECT_GE(faults_to_write(0, kPages), 100);
}

TEST_F(HotPagesTest, WhatOneOfThemAloneHasWrittenToIsNot) {
  write(0, kPages);
  snapshot();
  write(0, 300);
  snapshot();
  copy_all();
  EXPECT_LT(faults_to_write(0, 300), 20);
  EXPECT_GE(faults_to_write(300, kPages), 100);
}

TEST_F(HotPagesTest, OneThatIsGoneIsLeftOut) {
  write_twice(kPages);
  ::munmap(block_ + 30 * kPage, kPage);
  copy_all();
  EXPECT_LT(faults_to_write(33, kPages), 20);
}

// The place of hot pages may be a file's by then, which is not to be written to.
TEST_F(HotPagesTest, AFileThatLiesThereNowIsLeftAlone) {
  write_twice(kPages);
  const int file = ::memfd_create("hot", MFD_CLOEXEC);
  ASSERT_EQ(::ftruncate(file, kPages * kPage), 0);
  ASSERT_NE(::mmap(block_, kPages * kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0),
            MAP_FAILED);
  EXPECT_EQ(static_cast<volatile char*>(block_)[0], 0);  // a page that is there, and shared
  copy_all();
  struct stat facts = {};
  ::fstat(file, &facts);
  EXPECT_LE(facts.st_blocks, static_cast<blkcnt_t>(kPage / 512));
  ::close(file);
}

TEST_F(HotPagesTest, PagesOfAFileThatWereOnlyReadAreNotHot) {
  const int file = ::memfd_create("read", MFD_CLOEXEC);
  ASSERT_EQ(::ftruncate(file, 4096 * kPage), 0);
  void* const mapped =
      ::mmap(nullptr, 4096 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_POPULATE, file, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  for (int i = 0; i < 2; ++i) {
    write(0, kPages);
    for (std::size_t page = 0; page < 4096; ++page)
      EXPECT_EQ(static_cast<volatile char*>(mapped)[page * kPage], 0);
    snapshot();
  }
  copy_all();
  EXPECT_LT(faults_to_write(0, kPages), 20);
  ::munmap(mapped, 4096 * kPage);
  ::close(file);
}

TEST_F(HotPagesTest, MemoryThatIsOnlyReservedHindersNothing) {
  void* const reserved = ::mmap(nullptr, 2UL << 30, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(reserved, MAP_FAILED);
  write_twice(kPages);
  copy_all();
  EXPECT_LT(faults_to_write(0, kPages), 20);
  ::munmap(reserved, 2UL << 30);
}

TEST_F(HotPagesTest, WhatIsHotIsFoundAnew) {
  write_twice(300);
  for (int i = 0; i < 100; ++i) {
    copy_all();
    write(300, kPages);
    snapshot();
  }
  copy_all();
  EXPECT_LT(faults_to_write(300, kPages), 20);
}

TEST_F(HotPagesTest, NothingIsCopiedAtRest) {
  write_twice(kPages);
  hot_.rest();
  EXPECT_FALSE(hot_.any_left());
}

}  // namespace
}  // namespace replwire::runtime
