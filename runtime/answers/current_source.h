#pragma once

#include "runtime/execution/compiler.h"
#include "runtime/link.h"

// The source of the execution in hand, in the public linecache while it compiles and runs: for
// tracebacks that user code prints, warnings, pdb. What outlives the execution is kept by
// runtime/python/sources.py, under the same name. On the worker.
namespace replwire::runtime::current_source {

// `run` and `filename` must live until the end.
void begin(const Run& run, const Ref& filename);

// Again, since linecache has just been imported.
void publish();

// True when there was something of that name before, which is to come back.
bool end();

}  // namespace replwire::runtime::current_source
