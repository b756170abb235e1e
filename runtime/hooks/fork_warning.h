#pragma once

namespace replwire::runtime {

// From 3.12 on os.fork() warns when the process has other threads: ours would be news to user code.
// It stays silent while there is no thread of the user's. Notes who registers handlers of forks,
// too. False with a Python exception set.
bool patch_forks();

// PyOS_BeforeFork() for a fork that user code knows nothing of: what handlers warn of there (JAX's
// warns of every fork) is not said, while there is no thread of the user's.
void prepare_own_fork();

}  // namespace replwire::runtime
