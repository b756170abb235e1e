#include "server/system/sandbox/sandbox.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "server/system/descriptors/private_range.h"
#include "server/system/sandbox/call_filter.h"
#include "server/system/sandbox/landlock.h"
#include "server/system/sandbox/temporary_folder.h"

namespace replwire::server {
namespace {

namespace fs = std::filesystem;
using Access = landlock::Rule::Access;
using Filesystem = SandboxOptions::Filesystem;

// Libraries, programs, and what the C library and common packages look up.
constexpr std::array kSystem = {"/usr",
                                "/bin",
                                "/sbin",
                                "/lib",
                                "/lib32",
                                "/lib64",
                                "/nix/store",
                                "/gnu/store",
                                "/proc",
                                "/sys/devices/system",
                                "/sys/fs/cgroup",
                                "/etc/alternatives",
                                "/etc/ca-certificates",
                                "/etc/fonts",
                                "/etc/group",
                                "/etc/host.conf",
                                "/etc/hosts",
                                "/etc/ld.so.cache",
                                "/etc/ld.so.conf",
                                "/etc/ld.so.conf.d",
                                "/etc/locale.alias",
                                "/etc/localtime",
                                "/etc/mime.types",
                                "/etc/nsswitch.conf",
                                "/etc/os-release",
                                "/etc/passwd",
                                "/etc/pki",
                                "/etc/protocols",
                                "/etc/resolv.conf",
                                "/etc/services",
                                "/etc/ssl",
                                "/etc/timezone"};
constexpr std::array kDevices = {"/dev/null", "/dev/zero",   "/dev/full",
                                 "/dev/tty",  "/dev/random", "/dev/urandom"};
constexpr const char* kSharedMemory = "/dev/shm";

// Where --sandbox-read leaves little.
void add_readable(const Options& options, const Sandbox::Readable& python,
                  std::vector<landlock::Rule>& rules) {
  if (options.sandbox.read.empty()) return rules.push_back({"/", Access::kRead, false});
  for (const std::string& path : options.sandbox.read)
    rules.push_back({path, Access::kRead, false});
  for (const char* path : kSystem) rules.push_back({path, Access::kRead, true});
  for (const std::string& path : python) rules.push_back({path, Access::kRead, true});
  if (!options.startup.empty()) rules.push_back({options.startup, Access::kRead, false});
}

// What the server writes, and finds there.
void add_own_file(const std::string& path, mode_t mode, std::vector<landlock::Rule>& rules) {
  if (path.empty() || path == "-") return;
  const Descriptor made(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, mode));
  rules.push_back({path, Access::kOwn, true});
}

std::vector<landlock::Rule> rules_for(const Options& options, const Sandbox::Readable& python) {
  const SandboxOptions& sandbox = options.sandbox;
  std::vector<landlock::Rule> rules;
  add_readable(options, python, rules);
  for (const char* path : kDevices) rules.push_back({path, Access::kDevice, true});
  for (const std::string& path : sandbox.writable) {
    const bool asked = std::ranges::count(sandbox.write, path) > 0;
    rules.push_back({path, asked ? Access::kDevice : Access::kWrite, false});
  }
  return rules;
}

// Whoever is root could lift limits, or set aside what the rest relies on.
bool drop_capabilities(std::uint64_t kept) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> sets = {};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return false;
  constexpr unsigned kWord = 32;
  std::uint64_t held = 0;
  for (unsigned i = 0; i < sets.size(); ++i) {
    held |= std::uint64_t{sets[i].permitted} << (i * kWord);
    const auto mask = static_cast<std::uint32_t>(kept >> (i * kWord));
    sets[i].effective &= mask;
    sets[i].permitted &= mask;
    sets[i].inheritable &= mask;
  }
  if ((held & ~kept) == 0) return true;
  // A program started by root has all of this set again, unless there are no new privileges.
  const bool for_good = ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
  for (unsigned each = 0; !for_good && ::prctl(PR_CAPBSET_READ, each) >= 0; ++each) {
    if ((kept >> each & 1U) == 0 && ::prctl(PR_CAPBSET_DROP, each) != 0) return false;
  }
  return ::syscall(SYS_capset, &header, sets.data()) == 0;
}

constexpr std::uint64_t bits(std::initializer_list<unsigned> capabilities) {
  std::uint64_t set = 0;
  for (const unsigned each : capabilities) set |= std::uint64_t{1} << each;
  return set;
}

// All but what lifts limits.
constexpr std::uint64_t kLimited = ~bits({CAP_SYS_RESOURCE});
// Of files, which Landlock has rules for, and of other users, who have no more rights than root.
constexpr std::uint64_t kKept =
    bits({CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID, CAP_KILL,
          CAP_SETGID, CAP_SETUID, CAP_NET_BIND_SERVICE, CAP_NET_RAW});

using Kind = ResourceLimit::Kind;

auto number_of(Kind kind) {
  if (kind == Kind::kCpu) return RLIMIT_CPU;
  if (kind == Kind::kProcesses) return RLIMIT_NPROC;
  return kind == Kind::kFileSize ? RLIMIT_FSIZE : RLIMIT_NOFILE;
}

bool set_limit(const ResourceLimit& limit) {
  rlimit value = {};
  ::getrlimit(number_of(limit.kind), &value);
  value.rlim_cur = std::min(limit.most, value.rlim_max);
  // At the first a signal says so; a second later the next ends what did not end.
  value.rlim_max = std::min(limit.most + (limit.kind == Kind::kCpu ? 1 : 0), value.rlim_max);
  return ::setrlimit(number_of(limit.kind), &value) == 0;
}

std::string failed(const char* what) {
  return std::string(what) + " cannot be set: " + std::strerror(errno);
}

// What can be known before: the process that is to be held would have nobody to tell.
std::string why_not(const Options& options) {
  for (const ResourceLimit& limit : options.limits) {
    if (limit.kind == Kind::kProcesses && ::getuid() == 0)
      return "--limit processes: the kernel does not hold root to it";
  }
  if (!options.sandbox.on()) return {};
  if (landlock::version() == 0) {
    return "--sandbox: this kernel has no Landlock (Linux from 5.13 on has it, unless it was left "
           "out when the system started)";
  }
  if (!call_filter::is_possible()) return "--sandbox: this kernel has no seccomp filters";
  return {};
}

bool is_kept(const Options& options, std::string_view entry) {
  return std::ranges::count(options.kept_env, entry.substr(0, entry.find('='))) > 0;
}

}  // namespace

Sandbox Sandbox::prepare(Options& options, const Readable& python, std::string& failure) {
  Sandbox made;
  made.limits_ = options.limits;
  SandboxOptions& asked = options.sandbox;
  failure = why_not(options);
  // First, since the numbers of our own descriptors depend on them.
  if (failure.empty() && !options.survive) failure = made.set_limits();
  if (!failure.empty() || !asked.on()) return made;
  made.on_ = true;
  made.network_ = asked.network;
  made.writes_ = asked.filesystem == Filesystem::kWorkspace;
  made.version_ = landlock::version();
  ::close_range(3, ~0U, 0);  // whatever they lead to would be past all rules
  if (made.writes_) {
    TemporaryFolder folder = TemporaryFolder::make();
    if (!folder.keeper) {
      failure = std::string("--sandbox: no temporary folder: ") + std::strerror(errno);
      return made;
    }
    made.helper_ = folder.helper;
    ::setenv("TMPDIR", folder.path.c_str(), 1);
    asked.writable = {fs::current_path(), folder.path};
    if (::access(kSharedMemory, F_OK) == 0) asked.writable.emplace_back(kSharedMemory);
    // It stays open until the process ends.
    asked.keeper = ::fcntl(folder.keeper.get(), F_DUPFD_CLOEXEC, PrivateRange::first_number());
  }
  asked.writable.insert(asked.writable.end(), asked.write.begin(), asked.write.end());
  std::vector<landlock::Rule> rules = rules_for(options, python);
  if (options.survive) made.inner_rules_ = landlock::make_rules(rules, made.version_, failure);
  add_own_file(options.log, 0666, rules);
  add_own_file(options.record, 0600, rules);
  if (failure.empty()) made.rules_ = landlock::make_rules(rules, made.version_, failure);
  if (!failure.empty()) failure = "--sandbox: " + failure;
  return made;
}

std::string Sandbox::enforce() const {
  std::string failure = set_rules();
  if (helper_ > 0) ::waitpid(helper_, nullptr, 0);  // it has had its time meanwhile
  return failure;
}

// The outer layer is inherited: only the limits and Landlock's inner layer are set here.
std::string Sandbox::enforce_within() const {
  std::string failure = set_limits();
  if (failure.empty() && on_ && !landlock::enforce(inner_rules_))
    failure = failed("--sandbox: Landlock");
  return failure;
}

std::string Sandbox::set_limits() const {
  if (limits_.empty()) return {};
  if (!std::ranges::all_of(limits_, set_limit)) return failed("--limit");
  return drop_capabilities(kLimited) ? "" : failed("--limit: capabilities");
}

std::string Sandbox::set_rules() const {
  constexpr int kTruncate = 3;
  if (!on_) return {};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("--sandbox: no_new_privs");
  if (!drop_capabilities(kKept)) return failed("--sandbox: capabilities");
  if (!landlock::enforce(rules_)) return failed("--sandbox: Landlock");
  if (!call_filter::enforce({network_, writes_, version_ >= kTruncate}))
    return failed("--sandbox: seccomp");
  return {};
}

void clear_environment(const Options& options) {
  if (!options.clear_env && options.kept_env.empty()) return;
  std::vector<char*> cleared;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!is_kept(options, *entry)) cleared.push_back(*entry);
  }
  for (char* entry : cleared) {
    const std::string_view text = entry;
    ::unsetenv(std::string(text.substr(0, text.find('='))).c_str());
    ::explicit_bzero(entry, text.size());
  }
}

}  // namespace replwire::server
