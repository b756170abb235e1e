#include "server/system/sandbox/landlock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace replwire::server::landlock {
namespace {

// Of <linux/landlock.h>, which is older than the kernel on most systems.
constexpr long kCreate = 444;
constexpr long kAdd = 445;
constexpr long kRestrict = 446;
constexpr unsigned kAskVersion = 1;
constexpr int kPathBeneath = 1;

constexpr std::uint64_t kExecute = 1U << 0U;
constexpr std::uint64_t kWriteFile = 1U << 1U;
constexpr std::uint64_t kReadFile = 1U << 2U;
constexpr std::uint64_t kReadDir = 1U << 3U;
constexpr std::uint64_t kRemoveDir = 1U << 4U;
constexpr std::uint64_t kRemoveFile = 1U << 5U;
constexpr std::uint64_t kMakeDir = 1U << 7U;
constexpr std::uint64_t kMakeReg = 1U << 8U;
constexpr std::uint64_t kMakeSock = 1U << 9U;
constexpr std::uint64_t kMakeFifo = 1U << 10U;
constexpr std::uint64_t kMakeSym = 1U << 12U;
constexpr std::uint64_t kRefer = 1U << 13U;
constexpr std::uint64_t kTruncate = 1U << 14U;
constexpr std::uint64_t kIoctlDev = 1U << 15U;
constexpr std::uint64_t kAbstractSockets = 1U << 0U;
constexpr std::uint64_t kSignals = 1U << 1U;

struct Ruleset {
  std::uint64_t files;
  std::uint64_t net;
  std::uint64_t scoped;
};
struct [[gnu::packed]] PathBeneath {
  std::uint64_t allowed;
  std::int32_t parent;
};

// All that a version knows of files.
std::uint64_t all_rights(int version) {
  std::uint64_t rights = kRefer - 1;
  if (version >= 2) rights |= kRefer;
  if (version >= 3) rights |= kTruncate;
  if (version >= 5) rights |= kIoctlDev;
  return rights;
}

// Nothing that is written to is a device unless the rule says so: who makes one in his folder may
// be root.
std::uint64_t rights_of(Rule::Access access, int version) {
  constexpr std::uint64_t kRead = kExecute | kReadFile | kReadDir;
  constexpr std::uint64_t kWrite = kWriteFile | kRemoveDir | kRemoveFile | kMakeDir | kMakeReg |
                                   kMakeSock | kMakeFifo | kMakeSym | kRefer | kTruncate;
  std::uint64_t rights = kRead;
  if (access == Rule::Access::kWrite) rights = kRead | kWrite;
  if (access == Rule::Access::kDevice) rights = kRead | kWrite | kIoctlDev;
  if (access == Rule::Access::kOwn) rights = kWriteFile | kTruncate;
  return rights & all_rights(version);
}

std::string add(const Descriptor& ruleset, const Rule& rule, int version) {
  const Descriptor file(::open(rule.path.c_str(), O_PATH | O_CLOEXEC));
  struct stat facts = {};
  if (!file || ::fstat(file.get(), &facts) != 0) {
    return rule.optional ? "" : rule.path + ": " + std::strerror(errno);
  }
  constexpr std::uint64_t kOfFiles = kExecute | kWriteFile | kReadFile | kTruncate | kIoctlDev;
  std::uint64_t rights = rights_of(rule.access, version);
  if (!S_ISDIR(facts.st_mode)) rights &= kOfFiles;
  const PathBeneath beneath = {rights, file.get()};
  const bool added = ::syscall(kAdd, ruleset.get(), kPathBeneath, &beneath, 0) == 0;
  return added || rule.optional ? "" : rule.path + ": " + std::strerror(errno);
}

}  // namespace

int version() {
  const long version = ::syscall(kCreate, nullptr, 0, kAskVersion);
  return version > 0 ? static_cast<int>(version) : 0;
}

Descriptor make_rules(const std::vector<Rule>& rules, int version, std::string& failure) {
  Ruleset known = {all_rights(version), 0, version >= 6 ? kAbstractSockets | kSignals : 0};
  // A kernel of an older version takes no more than it knows.
  const std::size_t size = version >= 6 ? sizeof known : sizeof known.files;
  Descriptor ruleset(static_cast<int>(::syscall(kCreate, &known, size, 0)));
  if (!ruleset) failure = std::string("Landlock: ") + std::strerror(errno);
  for (const Rule& rule : rules) {
    if (failure.empty()) failure = add(ruleset, rule, version);
  }
  return failure.empty() ? std::move(ruleset) : Descriptor();
}

bool enforce(const Descriptor& rules) { return ::syscall(kRestrict, rules.get(), 0) == 0; }

}  // namespace replwire::server::landlock
