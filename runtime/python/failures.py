"""Exceptions of tasks that nobody waits for: each is shown once, with its traceback."""

import asyncio
import contextvars
import sys
import weakref

# Turns of the loop within which whoever waits for a task comes to look at what it raised.
PATIENCE = 16

report = wire.load("report")
failed = {}  # id of a task that failed -> (weak reference to it, the context that it came from)
resting = False


def watch(loop):
    make = loop.get_task_factory() or asyncio_task

    def factory(loop, coroutine, **options):
        task = make(loop, coroutine, **options)
        task.add_done_callback(done)
        return task

    loop.set_task_factory(factory)
    loop.set_exception_handler(handle)


def asyncio_task(loop, coroutine, **options):
    return asyncio.Task(coroutine, loop=loop, **options)


def done(task):
    if is_unseen(task):
        failed[id(task)] = weakref.ref(task), contextvars.copy_context()
        task.get_loop().call_soon(look, id(task), PATIENCE)


def is_unseen(task):
    """Whether it raised and nobody has asked for the exception; asking would count."""
    return task is not None and getattr(task, "_log_traceback", False)


def look(key, turns):
    task = failed[key][0]() if key in failed else None
    if not is_unseen(task):
        failed.pop(key, None)
    elif turns > 0:
        task.get_loop().call_soon(look, key, turns - 1)
    elif resting:
        tell(key)


def tell(key):
    ref, context = failed.pop(key)
    task = ref()
    if is_unseen(task):
        fields = {"message": "Task exception was never retrieved", "future": task}
        fields["exception"] = task.exception()  # from here on asyncio has nothing to add
        context.run(task.get_loop().call_exception_handler, fields)


def rest(value):
    global resting
    resting = value


def settle():
    """At the end of an execution that awaits: what it left unseen is shown."""
    for key in list(failed):
        tell(key)


def handle(loop, fields):
    """The loop's exception handler, unless user code sets its own."""
    task, exception = fields.get("future"), fields.get("exception")
    if isinstance(task, asyncio.Task) and isinstance(exception, BaseException):
        # A task that nobody held is gone by now, and so has its entry not been told.
        _, context = failed.pop(id(task), (None, contextvars.copy_context()))
        context.run(show, f"task {task.get_name()!r}", exception)
    else:
        context = getattr(fields.get("handle"), "_context", None) or contextvars.copy_context()
        context.copy().run(loop.default_exception_handler, fields)


def show(what, exception):
    if sys.stderr is not None:
        text = report["report"](exception, wire.sources["of"])[2]
        print(f"Exception in {what}:\n{text}", end="", file=sys.stderr)
