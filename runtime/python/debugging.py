"""debugpy in the session: loaded when a client first asks for it.

debugpy is of the session's Python, and stays as it is but for what it cannot know: which code the
user has sent, which frames and threads are ours, and that an execution, not the program, is what an
exception ends. It traces nothing while no client is attached.
"""

import os
import shlex
import sys

import _thread

SENT = "<execution "  # so begin the names of code that was sent without one
SETTINGS = {
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # or it prints advice, which is for scripts
    "PYDEVD_USE_FRAME_EVAL": "NO",  # up to 3.10, where it would go on when no client is attached
}

endpoint = None  # (host, port) where the adapter listens
stopped_at = None  # id of the exception that an execution ends with, if it was stopped for
original = {}  # what of debugpy has been replaced: name -> function


class Unavailable(Exception):
    pass


def listen(host, port):
    """Called on the thread that answers inquiries. Returns host, port, version, and why there is
    nothing of this."""
    try:
        found = endpoint_of(load(), host, port)
        return *found, sys.modules["debugpy"].__version__, ""
    except Unavailable as error:
        return "", 0, "", str(error)
    except Exception as error:
        return "", 0, "", f"debugpy cannot listen: {error}"


def endpoint_of(api, host, port):
    global endpoint
    hide()
    if endpoint is not None and is_listening():
        return endpoint
    if endpoint is None and noted(api).called:
        raise Unavailable("code of the session has called debugpy.listen() itself")
    noted(api).called = False  # an adapter that is gone
    endpoint = None
    endpoint = api.listen((host, port))
    return endpoint


def noted(api):
    """The function with which debugpy notes that it has been started; up to 1.8.0 another one."""
    return api.listen if hasattr(api.listen, "called") else api._settrace


def load():
    import_threading()
    known = {name: os.environ.get(name) for name in SETTINGS}
    os.environ.update(SETTINGS)
    hook = sys.breakpointhook
    try:
        import debugpy
        import debugpy.server.api as api
        import pydevd
    except ImportError as error:
        if error.name not in ("debugpy", None):
            raise
        command = shlex.join([sys.executable, "-m", "pip", "install", "debugpy"])
        raise Unavailable(f"the session's Python has no debugpy: {command}")
    finally:
        sys.breakpointhook = hook
        for name, value in known.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
    if not original:
        adapt(pydevd)
        debugpy.configure(subProcess=False)
        os.register_at_fork(after_in_child=forget)
    return api


def import_threading():
    """Up to 3.12 it takes the thread that first imports it for the main one."""
    if "threading" in sys.modules or sys.version_info >= (3, 13):
        return
    ident, sentinel = _thread.get_ident, _thread._set_sentinel
    _thread.get_ident, _thread._set_sentinel = lambda: wire.worker, _thread.allocate_lock
    try:
        import threading
    finally:
        _thread.get_ident, _thread._set_sentinel = ident, sentinel
    threading.get_ident, threading._set_sentinel = ident, sentinel
    threading.main_thread()._native_id = os.getpid()


def debugger():
    return sys.modules["pydevd"].get_global_debugger()


def is_listening():
    present = debugger()
    return present is not None and not present.pydb_disposed


def is_attached():
    present = debugger()
    return present is not None and present.is_attached()


def monitors():
    """Whether it works by sys.monitoring, which costs nothing where nothing is to stop."""
    return getattr(sys.modules["pydevd"], "PYDEVD_USE_SYS_MONITORING", False)


# ---- what debugpy cannot know ---------------------------------------------------------------


def adapt(pydevd):
    from _pydevd_bundle import pydevd_api, pydevd_filtering

    import pydevd_file_utils

    pydevd.IGNORE_BASENAMES_STARTING_WITH = (*pydevd.IGNORE_BASENAMES_STARTING_WITH, "<replwire ")
    pydevd_file_utils.exists = lambda filename: True  # a buffer need not have been saved
    replace(pydevd_filtering.FilesFiltering, "in_project_roots", in_project_roots)
    replace(pydevd.PyDB, "do_wait_suspend", do_wait_suspend)
    replace(pydevd.PyDB, "enable_tracing", enable_tracing)
    replace(pydevd.PyDB, "patch_threads", patch_threads)
    replace(pydevd.PyDB, "on_configuration_done", on_configuration_done)
    replace(pydevd.PyDB, "on_disconnect", on_disconnect)


def replace(owner, name, function):
    original[name] = getattr(owner, name)
    setattr(owner, name, function)


def in_project_roots(self, filename):
    if filename.startswith(SENT) or (filename.startswith("<") and wire.sources["has"](filename)):
        return True
    return original["in_project_roots"](self, filename)


def do_wait_suspend(self, thread, frame, event, arg, exception_type=None):
    """Holds a thread until the client lets it go on."""
    global stopped_at
    if exception_type == "UNHANDLED":
        stopped_at = id(arg[1])
    wire.note_held(1)
    try:
        original["do_wait_suspend"](self, thread, frame, event, arg, exception_type)
    except KeyboardInterrupt:
        release(self, thread)
        if exception_type != "UNHANDLED":
            raise  # out of the line that was held
    finally:
        wire.note_held(-1)


def release(self, thread):
    """An interrupt has ended the wait of this one: the others, held with it, go on as well."""
    from _pydevd_bundle.pydevd_constants import get_current_thread_id
    from _pydevd_bundle.pydevd_thread_lifecycle import resume_threads

    resume_threads("*")
    command = self.cmd_factory.make_thread_run_message(self, get_current_thread_id(thread), -1)
    self.writer.add_command(command)


# ---- tracing, where that costs something ----------------------------------------------------


def enable_tracing(self, thread_trace_func=None, apply_to_all_threads=False):
    if self.is_attached():
        original["enable_tracing"](self, thread_trace_func, apply_to_all_threads)


def patch_threads(self):
    if self.is_attached():
        original["patch_threads"](self)


def on_configuration_done(self):
    original["on_configuration_done"](self)
    original["breakpointhook"], sys.breakpointhook = sys.breakpointhook, stop_here
    patch_threads(self)
    self.enable_tracing(self.trace_dispatch, apply_to_all_threads=True)
    self.set_tracing_for_untraced_contexts()


def on_disconnect(self):
    original["on_disconnect"](self)
    let_go()
    if monitors():
        return
    import threading

    from _pydev_bundle.pydev_monkey import undo_patch_thread_modules

    threading.settrace(None)
    undo_patch_thread_modules()


def stop_here(*args, **kwargs):
    """What breakpoint() calls while a client is attached; else that is pdb's affair."""
    sys.modules["debugpy"].breakpoint()


def let_go():
    if sys.breakpointhook is stop_here:
        sys.breakpointhook = original["breakpointhook"]


def begin():
    """An execution begins. Tracing ends for good when what traces has raised, as an interrupt does
    that comes while code is held."""
    global stopped_at
    stopped_at = None
    if not original or monitors():
        return
    attached, traced = is_attached(), sys.gettrace() is not None
    if attached and not traced:
        debugger().enable_tracing()
    elif traced and not attached:
        import pydevd_tracing

        pydevd_tracing.SetTrace(None)


def failed(exception):
    """An execution has raised, and nobody has caught it."""
    if not original or not is_attached() or id(exception) == stopped_at:
        return
    stop = getattr(sys.modules["debugpy"], "trigger_exception_handler", stop_behind)
    stop(exception)


def stop_behind(exception):
    """As debugpy's own function, which versions up to 1.8.20 do not have."""
    import threading

    present, thread = debugger(), threading.current_thread()
    info = present.set_additional_thread_info(thread)
    info.is_tracing += 1
    try:
        raised = type(exception), exception, exception.__traceback__
        present.stop_on_unhandled_exception(present, thread, info, raised)
    finally:
        info.is_tracing -= 1


# ---- threads and processes ------------------------------------------------------------------


def hide():
    """The thread that calls this answers an inquiry: it is not shown, and never held."""
    if not original:
        return
    import threading

    thread = threading.current_thread()  # makes an entry for it
    thread.is_pydev_daemon_thread = thread.pydev_do_not_trace = True
    if monitors():
        from _pydevd_sys_monitoring import pydevd_sys_monitoring

        pydevd_sys_monitoring.stop_monitoring(all_threads=False)


def leave():
    """It has answered, and is none of Python's any more."""
    if not original:
        return
    import threading

    threading._active.pop(_thread.get_ident(), None)


def forget():
    """A forked child, or a snapshot that goes on: the threads of the debugger are gone, and the
    adapter is the other process's."""
    import threading

    import pydevd

    global endpoint
    endpoint = None
    present = debugger()
    noted(sys.modules["debugpy.server.api"]).called = False
    if present is None:
        return
    let_go()
    pydevd.settrace_forked(setup_tracing=False)
    if monitors():
        from _pydevd_sys_monitoring import pydevd_sys_monitoring

        pydevd_sys_monitoring.stop_monitoring(all_threads=True)
    else:
        sys.settrace(None)
        threading.settrace(None)
    present.pydb_disposed = True
    present.writer.sock.close()
