"""Run in a process that was a snapshot, when it is woken: what it must not have in common with the
one that it was taken from. The `random` module's generator and ssl's see to that themselves."""

import sys

numpy_random = sys.modules.get("numpy.random")
if numpy_random is not None:
    try:
        # A thread that drew from it when the snapshot was taken is gone, and would hold it for ever.
        numpy_random.mtrand._rand._bit_generator.lock._at_fork_reinit()
    except AttributeError:  # no public way: another numpy may keep it elsewhere
        pass
    numpy_random.seed()  # the global generator; a Generator of user code's own repeats itself
