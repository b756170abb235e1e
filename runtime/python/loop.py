"""The session's event loop, loaded with the first code that awaits at top level.

It runs on the worker, and only while an execution awaits or, at rest, a task has something to do.
"""

import asyncio
import contextvars
import os
import selectors
import signal
import sys
from asyncio import events

OWN_FILES = "<replwire "
ASYNCIO = os.path.dirname(asyncio.__file__) + os.sep
CO_COROUTINE = 0x80
HANDLE_RUN = events.Handle._run.__code__  # the frame of every step of the loop
LONG_FOR_OTHERS = 3  # nudges after which another execution's task stands in an interrupt's way
LAST_CHANCE = 0.5  # seconds for tasks at the end of the session

current_policy = getattr(events, "_get_event_loop_policy", None) or events.get_event_loop_policy
failures = wire.load("failures")
settle = failures["settle"]

# The execution (a capsule) that a task, a callback or a thread's work belongs to.
ORIGIN = contextvars.ContextVar("replwire_execution", default=None)
loop = None


def current_loop():
    """What the main thread's event loop is set to, without making one."""
    return getattr(getattr(current_policy(), "_local", None), "_loop", None)


def fits(candidate):
    """Whether it can be waited for from outside, as at rest."""
    return (
        all(hasattr(candidate, name) for name in ("_ready", "_scheduled"))
        and hasattr(getattr(candidate, "_selector", None), "fileno")
        and not candidate.is_closed()
        and not candidate.is_running()
    )


def take_loop():
    """The loop that user code has already asked for, if any, or a new one."""
    global loop
    if loop is not None and not loop.is_closed():
        return
    present = current_loop()
    loop = present if present is not None and fits(present) else asyncio.SelectorEventLoop()
    asyncio.set_event_loop(loop)
    failures["watch"](loop)


def begin(origin):
    """Before an execution. (asyncio.run() leaves no current loop behind.)"""
    leave()
    ORIGIN.set(origin)
    if current_loop() is None and not loop.is_closed():
        asyncio.set_event_loop(loop)


# ---- an execution that awaits ---------------------------------------------------------------


class Awaiting:
    """The execution in hand: its task, and the interrupts that it has been sent."""

    task = None
    error = None
    interrupts = 0
    nudges = 0
    step = None  # frame of the step that was under way when the interrupt came

    def __init__(self, body, expression, space, name):
        self.origin = ORIGIN.get()
        self.context = contextvars.copy_context()
        options = {"context": self.context} if sys.version_info >= (3, 11) else {}
        steps = self.run(body, expression, space)
        self.task = asyncio.Task(steps, loop=loop, name=name, **options)

    async def run(self, body, expression, space):
        try:
            value = None
            for code in (body, expression):
                if code is not None:
                    value = eval(code, space)
                    if code.co_flags & CO_COROUTINE:
                        value = await value
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
            self.task.cancel()  # nothing when it is done
            loop.call_soon_threadsafe(int)  # ends the loop's wait
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
            return self.task.result(), None
        error, self.error = self.error, None
        error = error or asyncio.CancelledError()  # cancelled before its first step
        if cancelled and self.interrupts and self.uncancel() == 0:
            error = KeyboardInterrupt().with_traceback(error.__traceback__)
        return None, error.with_traceback(behind(error.__traceback__, Awaiting.run.__code__))

    def keep_variables(self):
        """Context variables that the code set stay set, as in code that does not await."""
        before = contextvars.copy_context()
        for variable, value in self.context.items():
            if before.get(variable, before) is not value:
                variable.set(value)

    def uncancel(self):
        """How often it was cancelled otherwise."""
        if not hasattr(self.task, "uncancel"):
            return 0
        return [self.task.uncancel() for _ in range(self.interrupts)][-1]


awaiting = None


def prepare(body, expression, space, name, origin):
    global awaiting
    take_loop()
    begin(origin)
    enter()
    awaiting = Awaiting(body, expression, space, name)


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
            if error is not this.error and not note_stray(error):
                failure = error  # of a signal handler of user code's own
                this.task.cancel()
    this.keep_variables()
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
    return not loop.is_closed() and not loop.is_running()


def descriptor():
    """Readable when the loop has something to do; -1: there is no loop to serve."""
    return loop._selector.fileno() if served() else -1


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
        if not note_stray(error):
            failures["show"]("the event loop", error)
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
    if not served():
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


hunt = Hunt()
