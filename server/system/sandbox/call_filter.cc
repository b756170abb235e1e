// A list of calls that fail, in the language of the kernel's packet filters. What it does not name
// works: a list of what may be called would have to follow every library of Python's.
//
// It is written out here instead of by libseccomp. The list needs no more than "this call" and
// "this call unless an argument is one of these"; the library of a distribution does not know the
// names of calls that are younger than itself, which are the ones to forbid; linked statically it
// would bring the duties of its licence (LGPL) to every wheel, and it would be one more thing to
// install for whoever builds from source.
//
// The kernel notes at the start which calls pass whatever their arguments are, and does not run the
// filter for them: code that runs pays for `socket`, `ioctl` and `clone` alone.
#include "server/system/sandbox/call_filter.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace replwire::server::call_filter {
namespace {

#if defined(__x86_64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_AARCH64;
#elif defined(__riscv) && __riscv_xlen == 64
constexpr unsigned kArchitecture = AUDIT_ARCH_RISCV64;
#else
constexpr unsigned kArchitecture = 0;
#endif
constexpr unsigned kForeign = 0x40000000;  // of x86-64: calls with 32-bit pointers

// Younger than the headers of many systems. These have one number everywhere.
constexpr unsigned kIoUringSetup = 425;
constexpr unsigned kIoUringEnter = 426;
constexpr unsigned kIoUringRegister = 427;
constexpr unsigned kOpenTree = 428;
constexpr unsigned kMoveMount = 429;
constexpr unsigned kFsOpen = 430;
constexpr unsigned kFsConfig = 431;
constexpr unsigned kFsMount = 432;
constexpr unsigned kFsPick = 433;
constexpr unsigned kClone3 = 435;
constexpr unsigned kOpenAt2 = 437;
constexpr unsigned kPidfdGetfd = 438;
constexpr unsigned kProcessMadvise = 440;
constexpr unsigned kMountSetattr = 442;
constexpr unsigned kQuotactlFd = 443;
constexpr unsigned kProcessMrelease = 448;
constexpr unsigned kFchmodAt2 = 452;
constexpr unsigned kSetXattrAt = 463;
constexpr unsigned kRemoveXattrAt = 466;
constexpr unsigned kOpenTreeAttr = 467;
constexpr unsigned kFileSetAttr = 469;

class Filter {
 public:
  Filter() {
    load(offsetof(seccomp_data, arch));
    add(BPF_JUMP(kEqual, kArchitecture, 1, 0));
    add(BPF_STMT(kReturn, SECCOMP_RET_KILL_PROCESS));
    load(offsetof(seccomp_data, nr));
    if (kArchitecture != AUDIT_ARCH_X86_64) return;
    add(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kForeign, 0, 1));
    add(BPF_STMT(kReturn, failing(ENOSYS)));
  }

  void deny(std::initializer_list<unsigned> calls, int error = EPERM) {
    for (const unsigned call : calls) {
      add(BPF_JUMP(kEqual, call, 0, 1));
      add(BPF_STMT(kReturn, failing(error)));
    }
  }

  // Of an argument, the bits of `mask`, must be one of `values`.
  void demand(unsigned call, unsigned argument, unsigned mask,
              std::initializer_list<unsigned> values) {
    compare(call, argument, mask, values, 2);
    add(BPF_STMT(kReturn, failing(EPERM)));
    load(offsetof(seccomp_data, nr));
  }

  // They must be none of them.
  void refuse(unsigned call, unsigned argument, unsigned mask,
              std::initializer_list<unsigned> values) {
    compare(call, argument, mask, values, 3);
    add(BPF_STMT(BPF_JMP | BPF_JA, 1));
    add(BPF_STMT(kReturn, failing(EPERM)));
    load(offsetof(seccomp_data, nr));
  }

  bool enforce() {
    add(BPF_STMT(kReturn, SECCOMP_RET_ALLOW));
    sock_fprog program = {static_cast<unsigned short>(code_.size()), code_.data()};
    // Without the flag older kernels slow all code down, against attacks from within a process.
    return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
                     &program) == 0;
  }

 private:
  static constexpr unsigned short kReturn = BPF_RET | BPF_K;
  static constexpr unsigned short kEqual = BPF_JMP | BPF_JEQ | BPF_K;

  static unsigned failing(int error) { return SECCOMP_RET_ERRNO | static_cast<unsigned>(error); }
  void add(const sock_filter& instruction) { code_.push_back(instruction); }
  void load(std::size_t offset) {
    add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(offset)));
  }
  // Goes to the instruction after next when the argument is one of the values, and leaves out these
  // and `further` ones when it is another call. Lower halves: no such argument has more.
  void compare(unsigned call, unsigned argument, unsigned mask,
               std::initializer_list<unsigned> values, std::size_t further) {
    std::size_t left = values.size();
    add(BPF_JUMP(kEqual, call, 0, static_cast<std::uint8_t>(left + 2 + further)));
    load(offsetof(seccomp_data, args) + argument * sizeof(std::uint64_t));
    add(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
    for (const unsigned value : values)
      add(BPF_JUMP(kEqual, value, static_cast<std::uint8_t>(left--), 0));
  }

  std::vector<sock_filter> code_;
};

// What reaches other processes, the kernel's own settings, or other ways to the same things.
void deny_what_has_no_place(Filter& filter) {
  filter.deny({SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, kPidfdGetfd,
               kProcessMadvise, kProcessMrelease});
  filter.deny({SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_setns, kOpenTree, kMoveMount,
               kFsOpen, kFsConfig, kFsMount, kFsPick, kMountSetattr, kOpenTreeAttr, SYS_swapon,
               SYS_swapoff, SYS_quotactl, kQuotactlFd, SYS_open_by_handle_at, SYS_fanotify_init});
  filter.deny({SYS_init_module,     SYS_finit_module,  SYS_delete_module, SYS_kexec_load,
               SYS_reboot,          SYS_acct,          SYS_settimeofday,  SYS_clock_settime,
               SYS_sethostname,     SYS_setdomainname, SYS_syslog,        SYS_bpf,
               SYS_perf_event_open, SYS_userfaultfd,   SYS_add_key,       SYS_request_key,
               SYS_keyctl,          kIoUringSetup,     kIoUringEnter,     kIoUringRegister});
#ifdef SYS_kexec_file_load
  filter.deny({SYS_kexec_file_load});
#endif
#ifdef SYS_iopl
  filter.deny({SYS_iopl, SYS_ioperm});
#endif
  // Memory and queues that are common to all processes of the user.
  filter.deny({SYS_shmget, SYS_shmat, SYS_shmctl, SYS_semget, SYS_semop, SYS_semtimedop, SYS_semctl,
               SYS_msgget, SYS_msgsnd, SYS_msgrcv, SYS_msgctl, SYS_mq_open, SYS_mq_unlink});
  constexpr unsigned kNewNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                      CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
  filter.demand(SYS_clone, 0, kNewNamespaces, {0});
  filter.demand(SYS_unshare, 0, kNewNamespaces | CLONE_NEWTIME, {0});
  filter.deny({kClone3}, ENOSYS);  // its flags lie in memory; libraries then call `clone`
  filter.demand(SYS_prlimit64, 0, ~0U, {0});               // of this process alone
  filter.refuse(SYS_ioctl, 1, ~0U, {TIOCSTI, TIOCLINUX});  // keys pressed at the user's terminal
}

// Between the two ends of a pair there is no way to anything else, unless they are of datagrams.
void deny_network(Filter& filter) {
  constexpr unsigned kType = 0xf;
  filter.deny({SYS_socket});
  filter.demand(SYS_socketpair, 0, ~0U, {AF_UNIX});
  filter.demand(SYS_socketpair, 1, kType, {SOCK_STREAM, SOCK_SEQPACKET});
}

void deny_metadata(Filter& filter) {
#ifdef SYS_chmod
  filter.deny({SYS_chmod, SYS_chown, SYS_lchown, SYS_utime, SYS_utimes, SYS_futimesat});
#endif
  filter.deny({SYS_fchmod, SYS_fchmodat, kFchmodAt2, SYS_fchown, SYS_fchownat, SYS_utimensat,
               SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, kSetXattrAt, SYS_removexattr,
               SYS_lremovexattr, SYS_fremovexattr, kRemoveXattrAt, kFileSetAttr});
  filter.refuse(SYS_ioctl, 1, ~0U, {FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR});
}

// A file that is opened to be read can be cut as well, past a Landlock that has no word for it.
void deny_truncating(Filter& filter) {
  constexpr unsigned kHow = O_TRUNC | O_ACCMODE;
  filter.deny({SYS_truncate});
  filter.deny({kOpenAt2}, ENOSYS);
#ifdef SYS_open
  filter.refuse(SYS_open, 1, kHow, {O_TRUNC | O_RDONLY, O_TRUNC | O_ACCMODE});
#endif
  filter.refuse(SYS_openat, 2, kHow, {O_TRUNC | O_RDONLY, O_TRUNC | O_ACCMODE});
}

}  // namespace

bool is_possible() {
  const unsigned action = SECCOMP_RET_ERRNO;
  return kArchitecture != 0 && ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

bool enforce(const Leave& leave) {
  Filter filter;
  deny_what_has_no_place(filter);
  if (!leave.network) deny_network(filter);
  if (!leave.metadata) deny_metadata(filter);
  if (!leave.truncates) deny_truncating(filter);
  return filter.enforce();
}

}  // namespace replwire::server::call_filter
