"""The session's event loop, loaded with the first code that awaits at top level.

It runs on the worker, and only while an execution awaits or, at rest, a task has something to do.
"""

import asyncio
import contextvars
import os
import selectors
import signal
import socket
import sys
import threading
from asyncio import events
from collections.abc import Coroutine

OWN_FILES = "<replwire "
ASYNCIO = os.path.dirname(asyncio.__file__) + os.sep
CO_COROUTINE = 0x80
HANDLE_RUN = events.Handle._run.__code__  # the frame of every step of the loop
LONG_FOR_OTHERS = 3  # nudges after which another execution's task stands in an interrupt's way
LAST_CHANCE = 0.5  # seconds for tasks at the end of the session
MOST_FAILURES = 3  # of the loop itself, one after the other, until it is given up

current_policy = getattr(events, "_get_event_loop_policy", None) or events.get_event_loop_policy
failures = wire.load("failures")
settle = failures["settle"]

# The execution (a capsule) that a task, a callback or a thread's work belongs to.
ORIGIN = contextvars.ContextVar("replwire_execution", default=None)
context = wire.context  # that of the session's code, or None
loop = None
failing = 0  # how often it has failed to run
kept = []  # never closed: the descriptors that they name may be somebody else's by now


def current_loop():
    """What the main thread's event loop is set to, without making one."""
    return getattr(getattr(current_policy(), "_local", None), "_loop", None)


def is_transparent(candidate):
    """Whether it can be waited for from outside, as at rest. (Those of uvloop cannot.)"""
    return all(hasattr(candidate, name) for name in ("_ready", "_scheduled", "_ssock")) and hasattr(
        getattr(candidate, "_selector", None), "fileno"
    )


def take_loop():
    """The loop that user code has made the current one, else the session's so far, or a new one."""
    present = current_loop()
    if present is not None and present is not loop:
        if not present.is_closed() and not present.is_running():
            return use(present)
    if loop is None or loop.is_closed():
        use(new_loop())
    else:
        mend()


def new_loop():
    made = asyncio.new_event_loop()  # of the policy that user code has set, perhaps
    if is_transparent(made):
        made.time = wire.monotonic  # which user code may replace (freezegun does)
    return made


def use(candidate):
    global loop
    loop = candidate
    asyncio.set_event_loop(loop)
    failures["watch"](loop)


# ---- a loop that cannot run -----------------------------------------------------------------


def is_broken():
    """Whether user code has closed what the loop waits by, as os.closerange() does."""
    try:
        loop._selector.select(0)
        for end in (loop._ssock, loop._csock):
            end.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)
    except Exception:
        return True
    return False


def mend():
    """Gives a broken loop a new selector and new ends to be woken by; its tasks and timers stay.
    Whether there was something to mend."""
    if not is_transparent(loop) or loop.is_closed() or not is_broken():
        return False
    old, new = loop._selector, selectors.DefaultSelector()
    kept.append(old)
    woken_by = loop._ssock.detach()
    loop._csock.detach()
    for key in list((old.get_map() or {}).values()):
        try:
            if key.fd != woken_by:
                new.register(key.fileobj, key.events, key.data)
        except (OSError, ValueError, KeyError):
            pass  # closed as well
    loop._selector = new
    loop._internal_fds -= 1
    loop._make_self_pipe()
    return True


def fails(error):
    """Whether the loop itself, not a step of it, fails for good."""
    global failing
    if not isinstance(error, Exception):
        return False
    failing += 1
    if failing < MOST_FAILURES:
        loop.call_soon(works)
        return False
    failing = 0
    kept.append(loop)
    use(new_loop())
    return True


def works():
    global failing
    failing = 0


def begin(origin):
    """Before an execution. (asyncio.run() leaves no current loop behind.)"""
    leave()
    hunt.give_up()
    ORIGIN.set(origin) if context is None else context.run(ORIGIN.set, origin)
    if current_loop() is None and not loop.is_closed():
        asyncio.set_event_loop(loop)


def rejoin():
    """In a child that a step of the loop has forked. asyncio has unset the running loop there, so that
    code may run another one. From 3.14 on no task is resumed without: it is set again behind the step."""
    if getattr(loop, "_thread_id", None) == threading.get_ident():
        loop.call_soon(events._set_running_loop, loop)


os.register_at_fork(after_in_child=rejoin)  # behind asyncio's own


# ---- an execution that awaits ---------------------------------------------------------------


class Awaiting:
    """The execution in hand: its task, and the interrupts that it has been sent."""

    task = None
    error = None
    started = False  # the code has
    too_early = False  # an interrupt came before
    too_late = False  # or when it was over
    interrupts = 0
    nudges = 0
    step = None  # frame of the step that was under way when the interrupt came

    def __init__(self, codes, space, name, origin):
        self.origin = origin
        self.steps = steps = self.run(codes, space)
        options = {}
        if context is not None and sys.version_info >= (3, 11):
            options["context"] = context
        elif context is not None:
            steps = InContext(steps)
        self.task = asyncio.Task(steps, loop=loop, name=name, **options)

    async def run(self, codes, space):
        try:
            self.started = True
            value = None
            for code, line in codes:
                value = eval(code, space)
                if code.co_flags & CO_COROUTINE:
                    if self.too_early:
                        value.throw(KeyboardInterrupt())  # at its first line
                    value = await value
                if line:
                    wire.tell_value(line, value)
                    value = None
            return value
        except BaseException as error:
            self.error = error
            raise
        finally:
            loop.stop()  # before whatever else has become ready

    def interrupt(self, fresh, step):
        """Cancels the task. One that holds up the loop meanwhile gets the interrupt itself, one
        that merely has its turn does not: `step` is what runs instead of the own task, if any."""
        if fresh:
            self.interrupts += 1
            self.nudges = 0
            self.too_early = self.too_early or not self.started
            self.too_late = self.too_late or self.task.done()
            if self.started:
                self.task.cancel()  # nothing when it is done
            wake_loop()
        self.nudges += not fresh
        same = step is not None and step is self.step
        self.step = step if self.interrupts else None
        soon = fresh or ORIGIN.get() is self.origin  # the context is that of the step
        if same and (soon or self.nudges >= LONG_FOR_OTHERS):
            self.step = None
            raise KeyboardInterrupt

    def outcome(self):
        """(result, None) or (None, what the code raised or what became of it)."""
        cancelled = self.task.cancelled()
        if not cancelled and self.task.exception() is None:
            return (None, KeyboardInterrupt()) if self.too_late else (self.task.result(), None)
        error, self.error = self.error, None
        error = error or asyncio.CancelledError()  # cancelled before its first step
        if cancelled and self.interrupts and self.uncancel() == 0:
            error = KeyboardInterrupt().with_traceback(error.__traceback__)
        return None, error.with_traceback(behind(error.__traceback__, Awaiting.run.__code__))

    def abandon(self, error):
        """The loop cannot go on with it."""
        self.task._log_destroy_pending = False
        self.steps.close()
        return None, error

    def uncancel(self):
        """How often it was cancelled otherwise."""
        if not hasattr(self.task, "uncancel"):
            return 0
        return [self.task.uncancel() for _ in range(self.interrupts)][-1]


class InContext(Coroutine):
    """Steps of a task in the session's context, where a task cannot be given one (3.10)."""

    def __init__(self, steps):
        self.steps = steps

    def send(self, value):
        return context.run(self.steps.send, value)

    def throw(self, *error):
        return context.run(self.steps.throw, *error)

    def close(self):
        self.steps.close()

    def __await__(self):
        return self.steps.__await__()


def wake_loop():
    """Ends the loop's wait, also when nothing is left to wake it by."""
    if is_transparent(loop) and is_broken():
        raise KeyboardInterrupt
    loop.call_soon_threadsafe(int)


awaiting = None


def prepare(codes, space, name, origin):
    global awaiting
    take_loop()
    begin(origin)
    enter()
    awaiting = Awaiting(codes, space, name, origin)


def stop_if_in_hand(task):
    if awaiting is not None and awaiting.task is task:
        loop.stop()


def run():
    """Runs the loop until the task of the execution is done; its outcome."""
    this, failure = awaiting, None
    this.task.add_done_callback(stop_if_in_hand)  # when it is cancelled before it starts
    while not this.task.done():
        try:
            loop.run_forever()
        except BaseException as error:
            if error is this.error or note_stray(error):
                continue
            if isinstance(error, (OSError, ValueError)) and mend():
                continue
            failure = error  # of a signal handler of user code's own, or of the loop
            this.task.cancel()
            if fails(error):
                return this.abandon(error)
    if failure is not None and this.task.cancelled():
        return None, failure
    return this.outcome()


def finish():
    global awaiting
    awaiting = None
    leave()


def note_stray(error):
    """KeyboardInterrupt and SystemExit end the loop's run whoever raised them. Whether it was a
    step, which is over with that; a task's exception is shown like any other."""
    part = error.__traceback__
    while part is not None and part.tb_frame.f_code is not HANDLE_RUN:
        part = part.tb_next
    if part is None:
        return False
    handle = part.tb_frame.f_locals["self"]
    error.__traceback__ = part.tb_next
    if not is_of_task(handle._callback):
        handle._context.run(failures["show"], "a callback", error)
    return True


def is_of_task(callback):
    owner = getattr(callback, "__self__", None)
    return isinstance(owner, asyncio.Task) or type(callback).__name__ == "TaskStepMethWrapper"


def behind(traceback, code):
    """What of a traceback comes after the first frame of this code."""
    part = traceback
    while part is not None and part.tb_frame.f_code is not code:
        part = part.tb_next
    return traceback if part is None else part.tb_next


# ---- at rest --------------------------------------------------------------------------------


def served():
    """Tasks of a loop that cannot be waited for from outside stand still."""
    return is_transparent(loop) and not loop.is_closed() and not loop.is_running()


def descriptor():
    """Readable when the loop has something to do; -1: there is no loop to serve."""
    if not served():
        return -1
    try:
        return loop._selector.fileno()
    except ValueError:
        mend()
        return loop._selector.fileno()


def timeout():
    """Seconds until the loop has something to do by itself; None: it has not."""
    if not served():
        return None
    if loop._ready:
        return 0.0
    timers = loop._scheduled
    if timers and timers[0].cancelled():
        timers = [timer for timer in timers if not timer.cancelled()]
        timers.sort(key=lambda timer: timer.when())
    return max(timers[0].when() - loop.time(), 0.0) if timers else None


def step():
    """Whatever the loop has to do right now."""
    if not served():
        return
    enter()
    failures["rest"](True)
    loop.stop()
    try:
        loop.run_forever()
    except BaseException as error:
        if not note_stray(error) and not (isinstance(error, (OSError, ValueError)) and mend()):
            failures["show"]("the event loop", error)
            fails(error)
    finally:
        hunt.end()
        failures["rest"](False)


def tasks():
    return sorted(task.get_name() for task in asyncio.all_tasks(loop))


def renew():
    """The selector (an epoll) and the pipe that wakes the loop are shared with the process that
    this one was a snapshot of."""
    if loop.is_closed():
        return
    old, new = loop._selector, selectors.DefaultSelector()
    for key in old.get_map().values():
        try:
            new.register(key.fileobj, key.events, key.data)
        except (OSError, ValueError, KeyError):
            pass  # one that the snapshot has lost
    loop._selector = new
    old.close()
    loop._close_self_pipe()
    loop._make_self_pipe()
    if getattr(loop, "_signal_handlers", None):
        signal.set_wakeup_fd(loop._csock.fileno())
    loop._default_executor = None  # its threads are gone; the next use makes another one


def close():
    """As asyncio.run() ends, but within bounds."""
    if loop.is_closed() or loop.is_running():
        return
    enter()
    failures["rest"](True)
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=LAST_CHANCE))
    settle()
    loop.run_until_complete(asyncio.wait_for(loop.shutdown_asyncgens(), LAST_CHANCE))


# ---- interrupts -----------------------------------------------------------------------------


def enter():
    """From here on SIGINT raises nothing in the middle of the loop's own code. A handler of user
    code's own stays."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        wire.set_sigint_handler(on_sigint, True)


def leave():
    if signal.getsignal(signal.SIGINT) is on_sigint:
        wire.set_sigint_handler(signal.default_int_handler, False)


def step_at(frame):
    """The step of the loop that a frame belongs to, if code other than asyncio's runs in it."""
    foreign = False
    while frame is not None and frame.f_code is not HANDLE_RUN:
        foreign = foreign or not frame.f_code.co_filename.startswith((ASYNCIO, OWN_FILES))
        frame = frame.f_back
    if frame is None and foreign:  # the loop has no frames: it is written in C
        return asyncio.current_task(loop)
    return frame if foreign else None


def on_sigint(number, frame):
    """An interrupt, or a nudge some milliseconds after one."""
    fresh = wire.take_interrupt()
    step = step_at(frame)
    task = asyncio.current_task(loop) if step is not None else None
    if awaiting is None:
        hunt.sample(fresh, task or step)
    else:
        if fresh and task is awaiting.task:
            raise KeyboardInterrupt
        awaiting.interrupt(fresh, None if task is awaiting.task else step)


class Hunt:
    """After an interrupt at rest: looks for what keeps the loop busy, and that is what is met at
    two moments. What merely had its turn at one of them is left alone."""

    met = None

    def sample(self, fresh, found):
        if fresh:
            self.met = []
        if self.met is None:
            return
        if found is not None:
            self.meet(found)
        elif sys.getprofile() is None:  # between two steps: the next one is looked at
            sys.setprofile(self.on_call)

    def on_call(self, frame, event, argument):
        step = step_at(frame) if event == "call" else None
        if step is not None:
            sys.setprofile(None)
            self.meet(asyncio.current_task(loop) or step)

    def meet(self, found):
        if any(found is each for each in self.met):
            self.met = None
            raise KeyboardInterrupt
        self.met.append(found)

    def end(self):
        if sys.getprofile() == self.on_call:
            sys.setprofile(None)

    def give_up(self):
        """An execution begins; the interrupt may have come when the loop had just returned."""
        self.met = None
        self.end()


hunt = Hunt()
