"""The module `host`: functions of the client's for code to call. Loaded when a client defines some,
or code imports it. runtime/hooks/host_calls.cc adds what makes and waits for calls.

What is in reach of user code works on what is captured here, and on public modules only where it
must be user code's own: the event loop, `inspect`, `warnings`.
"""

import sys
from keyword import iskeyword
from posix import close

BUILTINS = __builtins__  # a copy: user code's changes are not in it
KINDS = ("positional", "var_positional", "keyword", "var_keyword")  # in the order in which they come
STARS = {"var_positional": "*", "var_keyword": "**"}
ANYTHING = (("args", "var_positional", ()), ("kwargs", "var_keyword", ()))


class CallError(RuntimeError):
    """What a function of the client's has raised, when it is none of Python's own exceptions."""

    __module__ = "host"

    def __init__(self, type, message):
        RuntimeError.__init__(self, type, message)
        self.type = type
        self.message = message

    def __str__(self):
        return f"{self.type}: {self.message}"


module = type(sys)("host", "Functions of this session's client.")
space = module.__dict__
space["CallError"] = CallError
space["__dir__"] = lambda: sorted(name for name in space if not name.startswith("__"))
functions = {}  # by name; also those that were removed, which may be defined again
defined = set()  # names


async def awaited():
    pass


class Function:
    """A function of the client's."""

    __module__ = "host"
    __slots__ = ("__dict__", "__weakref__", "_bind", "_is_async", "_name", "_parameters")
    __slots__ += ("_positional",)

    def __init__(self, name):
        self._name = self.__name__ = self.__qualname__ = name

    def __repr__(self):
        return f"<function host.{self._name}>"

    def __reduce__(self):
        return self._name  # pickled by it

    def __get__(self, instance, owner=None):
        return self

    @property
    def __signature__(self):
        import inspect

        return inspect.Signature(
            inspect.Parameter(
                name,
                {
                    "positional": inspect.Parameter.POSITIONAL_OR_KEYWORD,
                    "var_positional": inspect.Parameter.VAR_POSITIONAL,
                    "keyword": inspect.Parameter.KEYWORD_ONLY,
                    "var_keyword": inspect.Parameter.VAR_KEYWORD,
                }[kind],
                default=default[0] if default else inspect.Parameter.empty,
            )
            for name, kind, default in self._parameters
        )

    # By these `inspect` and `asyncio` know a coroutine function that is no Python function.
    @property
    def __code__(self):
        if self._is_async:
            return awaited.__code__
        raise AttributeError(f"{self!r} has no attribute '__code__'")

    __defaults__ = __kwdefaults__ = None

    @property
    def __annotations__(self):
        return {}


wire.host_function = Function  # by which questions about code know one


def become(function, doc, parameters, is_async):
    function.__doc__ = doc
    function._is_async = is_async
    function._parameters = ANYTHING if parameters is None else parameters
    function._positional = tuple(
        name for name, kind, _ in parameters or () if kind == "positional"
    )
    function._bind = None if parameters is None else make_binder(function)


def make_binder(function):
    """A call of it fails as one of a Python function with these parameters does. It is compiled
    when it is first needed."""

    def bind(*args, **kwargs):
        text, last = [], ""
        for name, kind, default in function._parameters:
            if kind == "keyword" and last in ("", "positional"):
                text.append("*")
            text.append(STARS.get(kind, "") + name + ("=None" if default else ""))
            last = kind
        made = {"__builtins__": {}}
        exec(f"def {function._name}({', '.join(text)}): pass", made)
        function._bind = made[function._name]
        return function._bind(*args, **kwargs)

    return bind


def make_removed(function):
    def bind(*args, **kwargs):
        raise RuntimeError(f"{function._name}() is not a function of the client's any more")

    return bind


# ---- definitions --------------------------------------------------------------------------------


def check_name(name, place):
    if not name.isidentifier():
        raise ValueError(f"{place}: must be an identifier, not {name[:80]!r}")
    if iskeyword(name):
        raise ValueError(f"{place}: {name!r} is a keyword")


def check_parameters(parameters, place):
    names, last, optional = set(), "positional", False
    for index, (name, kind, default) in enumerate(parameters):
        here = f"{place}/{index}"
        check_name(name, f"{here}/name")
        if name in names:
            raise ValueError(f"{here}/name: {name!r} is there twice")
        names.add(name)
        order = KINDS.index(kind) - KINDS.index(last)
        if order < 0 or (order == 0 and kind in STARS):
            raise ValueError(f"{here}/kind: {kind!r} cannot follow {last!r}")
        last = kind
        if default and kind in STARS:
            raise ValueError(f"{here}/default: {kind!r} has none")
        if kind == "positional":
            if optional and not default:
                raise ValueError(f"{here}/default: is missing, as one before it has one")
            optional = bool(default)


def check(described):
    for index, (name, _, parameters, _) in enumerate(described):
        place = f"/functions/{index}"
        check_name(name, f"{place}/name")
        if name == "CallError" or (name.startswith("__") and name.endswith("__")):
            raise ValueError(f"{place}/name: {name!r} is the module's own")
        if parameters:
            check_parameters(parameters, f"{place}/parameters")


def define(described, removed, anew):
    """The names of all functions. With ValueError nothing is changed."""
    check(described)
    for name in list(defined) if anew else removed:
        if name in defined:
            defined.discard(name)
            space.pop(name, None)
            functions[name]._bind = make_removed(functions[name])
    for name, doc, parameters, is_async in described:
        if name not in functions:
            functions[name] = Function(name)
        become(functions[name], doc, parameters, is_async)
        space[name] = functions[name]
        defined.add(name)
    return sorted(defined)


def failure(type_name, message):
    """The exception that stands for what the client's function has raised."""
    kind = BUILTINS.get(type_name)
    if isinstance(kind, type) and issubclass(kind, BaseException):
        try:
            return kind(message)
        except Exception:  # it takes other arguments
            pass
    return CallError(type_name, message)


# ---- calls that are awaited ---------------------------------------------------------------------

mailboxes = {}  # by event loop; of those that wait for an answer


class Mailbox:
    """What one event loop waits for, and the eventfd that wakes it."""

    def __init__(self, loop):
        self.loop = loop
        self.waiting = {}  # number of a call: its future
        self.descriptor = wire.open_waking()
        try:
            loop.add_reader(self.descriptor, self.take)
        except BaseException:
            close(self.descriptor)
            raise
        mailboxes[loop] = self

    def take(self):
        for number, answer in wire.take_answers(self.descriptor):
            future = self.waiting.pop(number, None)
            if future is not None and not future.done():
                future.set_result(answer)
        self.close_if_idle()

    def drop(self, number):
        """Whether it was still waited for."""
        if self.waiting.pop(number, None) is None:
            return False
        wire.withdraw(number)
        self.close_if_idle()
        return True

    def close_if_idle(self):
        if self.waiting or mailboxes.get(self.loop) is not self:
            return
        del mailboxes[self.loop]
        try:
            self.loop.remove_reader(self.descriptor)
        except RuntimeError:  # the loop is closed
            pass
        close(self.descriptor)

    def abandon(self):
        waiting, self.waiting = self.waiting, {}
        self.close_if_idle()
        for future in waiting.values():
            if not future.done():
                future.set_exception(EOFError("the client answers no more"))


class Coroutine:
    """A call of an async function. What steps it is in C++."""

    __module__ = "host"
    __slots__ = ("__weakref__", "_call", "_function", "_mailbox", "_number", "_steps")

    def __init__(self, function, call):
        self._function = function
        self._call = call
        self._mailbox = None
        self._steps = None  # False: it is over

    @property
    def __name__(self):
        return self._function._name

    def __repr__(self):
        return f"<coroutine object host.{self._function._name}>"

    def __await__(self):
        return self

    def close(self):
        finish(self)

    def __del__(self):
        if self._steps is None:
            import warnings

            message = f"coroutine 'host.{self._function._name}' was never awaited"
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        else:
            finish(self)


def begin(coroutine, number):
    """(eventfd that is to be told of the answer, iterator that waits for it)"""
    from asyncio import get_running_loop

    loop = get_running_loop()
    mailbox = mailboxes.get(loop) or Mailbox(loop)
    future = loop.create_future()
    mailbox.waiting[number] = future
    coroutine._number, coroutine._mailbox = number, mailbox
    coroutine._steps = iter(future)
    return mailbox.descriptor, coroutine._steps


def finish(coroutine):
    coroutine._steps = False
    mailbox, coroutine._mailbox = coroutine._mailbox, None
    if mailbox is not None:
        mailbox.drop(coroutine._number)


def renew():
    """In a process that was a snapshot: whoever was asked is another one's client."""
    for mailbox in list(mailboxes.values()):
        mailbox.abandon()
