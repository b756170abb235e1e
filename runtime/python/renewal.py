"""Run in a process that was a snapshot, when it is woken: what it must not have in common with the
one that it was taken from, and what waits for threads that are gone. The `random` module's generator
and ssl's see to that themselves."""

import posix
import sys
import _thread

GRAPHICS = ("/dev/nvidia", "/dev/dri/", "/dev/kfd")
NOTE = (
    "This session was restored from a snapshot, and what it had on the GPU is lost: no process can go "
    "on with the CUDA context of another one. Keep data that must survive in main memory, and start "
    "a new session to use the GPU again."
)


def drop_import_locks():
    """Of threads that were importing when the snapshot was taken. What they had half imported is
    imported from the start."""
    bootstrap = sys.modules["_frozen_importlib"]
    for name, reference in list(bootstrap._module_locks.items()):
        lock = reference()
        if lock is None or lock.owner in (None, _thread.get_ident()):
            continue
        del bootstrap._module_locks[name]
        spec = getattr(sys.modules.get(name), "__spec__", None)
        if getattr(spec, "_initializing", False):
            del sys.modules[name]


def renew_executors():
    """Pools of threads for whatever was submitted by hand: they start others when they next have
    something to do."""
    module = sys.modules.get("concurrent.futures.thread")
    threading = sys.modules.get("threading")
    for thread in list(module._threads_queues) if module is not None else ():
        arguments = getattr(thread, "_args", None)
        executor = arguments[0]() if arguments else None
        if executor is None or thread.is_alive():
            continue
        executor._threads.clear()
        executor._idle_semaphore = threading.Semaphore(0)
        del module._threads_queues[thread]


def renew_numpy():
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is None:
        return
    try:
        # A thread that drew from it when the snapshot was taken is gone, and would hold it for ever.
        numpy_random.mtrand._rand._bit_generator.lock._at_fork_reinit()
    except AttributeError:  # no public way: another numpy may keep it elsewhere
        pass
    # The global generator; a Generator of user code's own repeats itself. Its whole state from the
    # system touches a quarter of the pages that a seed does, each of which is copied.
    try:
        key = memoryview(posix.urandom(4 * 624)).cast("I")
        numpy_random.set_state({"bit_generator": "MT19937", "state": {"key": key, "pos": 624}})
    except Exception:  # user code has put another one there
        numpy_random.seed()


def note_gpu(exception):
    """What an error of CUDA's means here."""
    text = f"{type(exception).__module__} {type(exception).__name__} {exception}".lower()
    notes = getattr(exception, "__notes__", None)
    if ("cuda" in text or "hip error" in text) and NOTE not in (notes or ()):
        exception.__notes__ = [*(notes or ()), NOTE]


def step(each):
    """One that fails costs no other one."""
    try:
        each()
    except Exception:
        pass


def renew(lost_devices):
    for each in (drop_import_locks, renew_executors, renew_numpy):
        step(each)
    if any(name.startswith(GRAPHICS) for name in lost_devices):
        wire.note_gpu = note_gpu
