"""What was typed in the session reaches processes that multiprocessing starts with a new interpreter
("spawn", "forkserver"). Their `__main__` is empty, so that a function's name is of no use there: it
goes by value, through cloudpickle where the session's Python has it; else whoever sends it gets an
error. Forked processes have the session's own `__main__` and get names, as ever.

Pickling does not know for whom it is. Queues and pipes are therefore marked by the context that made
them, and what sends through one says so to its thread. A `__main__` with a file or a module of its own
is a program's: multiprocessing has the new process run that, as under `python3`.

Loaded by patches.py, when user code imports multiprocessing.
"""

import copyreg
import functools
import io
import marshal
import pickle
import sys
from _thread import _local
from collections import ChainMap
from types import FunctionType

MARK = "_replwire_by_value"  # of a queue or connection: whether its other end is a new interpreter
Memoized = type(functools.lru_cache(len))
sending = _local()
loaded = {}  # name -> module, of multiprocessing's


def is_named(thing):
    """Whether pickle would send its name."""
    kind = type(thing)
    return kind is FunctionType or kind is Memoized or issubclass(kind, type)


def is_typed(thing):
    return getattr(thing, "__module__", None) == "__main__"


def is_program():
    main = sys.modules.get("__main__")  # None as Python ends
    spec = getattr(main, "__spec__", None)
    return main is None or getattr(main, "__file__", getattr(spec, "name", None)) is not None


def starts_fresh(context):
    method = context.get_start_method(allow_none=True)
    return None if method is None else method != "fork"


def goes_by_value():
    if is_program():
        return False
    marked = getattr(sending, "by_value", None)
    if marked is not None:
        return marked
    default = loaded["context"]._default_context
    chosen = starts_fresh(default)
    return default.get_all_start_methods()[0] != "fork" if chosen is None else chosen


# ---- by value ------------------------------------------------------------------------------


class InChild:
    """An attribute that `prepare_child` gives the child's ForkingPickler."""

    def __init__(self, name):
        self.name = name

    def __reduce__(self):
        return getattr, (loaded["reduction"].ForkingPickler, self.name)

    def __call__(self):
        """Only the child calls it, but pickle asks."""


def reduce_other(pickler, thing):
    """Of what is neither a function nor a class: some of it asks to be found by its name."""
    kind = type(thing)
    if kind.__reduce__ is object.__reduce__ or kind in pickler.dispatch_table or not is_typed(thing):
        return NotImplemented
    reduced = thing.__reduce_ex__(pickle.DEFAULT_PROTOCOL)
    if isinstance(reduced, str):
        refuse(thing, "which pickle knows by its name alone, cannot be sent")
    return reduced


def refuse(thing, why):
    name = getattr(thing, "__qualname__", None) or repr(thing)
    raise pickle.PicklingError(f"{name}, {why} to reach a process that was not forked")


def make_cloud_pickler(base):
    class Pickler(base):
        dispatch_table = ChainMap(loaded["reduction"].ForkingPickler._extra_reducers, base.dispatch_table)

        def __init__(self, file, protocol=None):
            super().__init__(file, protocol)
            self.space = vars(sys.modules["__main__"])
            self.globals_ref[id(self.space)] = InChild("session_globals")

        def reducer_override(self, thing):
            if not is_named(thing):
                return reduce_other(self, thing)
            if type(thing) is Memoized and is_typed(thing):
                size = thing.cache_parameters()
                return InChild("session_memoize"), (size["maxsize"], size["typed"], thing.__wrapped__)
            reduced = super().reducer_override(thing)
            if not is_typed(thing) or reduced is NotImplemented or len(reduced) < 6:
                return reduced
            name = thing.__qualname__ if self.space.get(thing.__qualname__) is thing else None
            state = reduced[5], reduced[2], name
            return *reduced[:2], state, *reduced[3:5], InChild("session_arrive")

    return Pickler


def make_plain_pickler(base):
    class Pickler(base):
        dispatch_table = ChainMap(base._extra_reducers, copyreg.dispatch_table)

        def reducer_override(self, thing):
            if not is_named(thing):
                return reduce_other(self, thing)
            if is_typed(thing):
                refuse(thing, "typed in this session, needs cloudpickle (pip install cloudpickle)")
            return NotImplemented

    return Pickler


@functools.lru_cache(None)
def cloud_pickler():
    import cloudpickle

    return make_cloud_pickler(cloudpickle.CloudPickler)


@functools.lru_cache(None)
def plain_pickler():
    return make_plain_pickler(loaded["reduction"].ForkingPickler)


def pickler():
    try:
        return cloud_pickler()
    except (ImportError, AttributeError):  # none, or one that is too old; it may be installed later
        return plain_pickler()


# ---- in the child --------------------------------------------------------------------------


def prepare_child():
    """The code of this function runs in each new process, before anything of the session gets there."""
    import functools
    import sys
    from multiprocessing.reduction import ForkingPickler

    space = vars(sys.modules["__main__"])
    received = {}  # global name -> its value as the session sent it last

    def arrive(thing, told):
        """Its globals are those of the session when it was sent, but for what code here has assigned,
        such as the initializer of a pool."""
        set_state, state, name = told
        own = {each: value for each, value in space.items() if received.get(each, space) is not value}
        set_state(thing, state)
        if name is not None:
            space[name] = thing
        space.update(own)
        received.update((each, value) for each, value in space.items() if each not in own)

    def memoize(size, typed, function):
        return functools.lru_cache(size, typed)(function)

    def reducer_override(pickler, thing):
        """What the session does not have goes there by value, too."""
        named = type(thing) is type(arrive) or issubclass(type(thing), type)
        if not named or thing.__module__ != "__main__" or space.get(thing.__qualname__) is thing:
            return NotImplemented
        import cloudpickle

        return cloudpickle.loads, (cloudpickle.dumps(thing),)

    ForkingPickler.session_globals = space
    ForkingPickler.session_arrive = staticmethod(arrive)
    ForkingPickler.session_memoize = staticmethod(memoize)
    ForkingPickler.reducer_override = reducer_override


class Marshalled:
    def __init__(self, code):
        self.code = code

    def __reduce__(self):
        return marshal.loads, (marshal.dumps(self.code),)


class ChildPreparation:
    def __reduce__(self):
        return exec, (Marshalled(prepare_child.__code__), {})


# ---- what multiprocessing calls ------------------------------------------------------------


def patch_reduction(module):
    by_name = module.ForkingPickler

    @functools.wraps(by_name.dumps.__func__)
    def dumps(cls, obj, protocol=None):
        buffer = io.BytesIO()
        by_value = cls is by_name and goes_by_value()
        (pickler() if by_value else cls)(buffer, protocol).dump(obj)
        return buffer.getbuffer()

    @functools.wraps(module.dump)
    def dump(obj, file, protocol=None):
        """Called for what a new interpreter begins with."""
        (by_name if is_program() else pickler())(file, protocol).dump(obj)

    by_name.dumps = classmethod(dumps)
    module.dump = dump


def patch_spawn(module):
    original = module.get_preparation_data

    @functools.wraps(original)
    def get_preparation_data(name):
        data = original(name)
        if not is_program():
            data["session"] = ChildPreparation()
        return data

    module.get_preparation_data = get_preparation_data


def patch_context(module):
    original = module.BaseContext.Pipe

    @functools.wraps(original)
    def Pipe(self, duplex=True):
        ends = original(self, duplex)
        for each in ends:
            setattr(each, MARK, starts_fresh(self))
        return ends

    module.BaseContext.Pipe = Pipe


def send_marked(mark, send, *arguments):
    before = getattr(sending, "by_value", None)
    sending.by_value = mark
    try:
        return send(*arguments)
    finally:
        sending.by_value = before


def through(original):
    """`original` sends an object through `self`."""

    @functools.wraps(original)
    def send(self, obj):
        return send_marked(getattr(self, MARK, None), original, self, obj)

    return send


def made_with(original):
    @functools.wraps(original)
    def __init__(self, *args, ctx, **kwargs):
        original(self, *args, ctx=ctx, **kwargs)
        for each in (self, self._writer):
            setattr(each, MARK, starts_fresh(ctx))

    return __init__


def patch_connection(module):
    module.Connection.send = through(module.Connection.send)


def patch_queues(module):
    module.SimpleQueue.__init__ = made_with(module.SimpleQueue.__init__)
    module.SimpleQueue.put = through(module.SimpleQueue.put)
    module.Queue.__init__ = made_with(module.Queue.__init__)
    feed_any = module.Queue._feed

    @functools.wraps(feed_any)
    def feed(*args):
        """The thread of one queue: among its arguments are methods of the queue's ends."""
        marks = [getattr(getattr(each, "__self__", None), MARK, None) for each in args]
        sending.by_value = next((each for each in marks if each is not None), None)
        feed_any(*args)

    module.Queue._feed = staticmethod(feed)


def patch_pool(module):
    """joblib's, of its backend "multiprocessing", has a pickler of its own."""
    by_name = module.CustomizablePickler
    make = module.CustomizablePicklingQueue._make_methods

    def CustomizablePickler(writer, reducers=None, protocol=pickle.HIGHEST_PROTOCOL):
        if not goes_by_value():
            return by_name(writer, reducers, protocol)
        base = pickler()

        class Pickler(base):
            dispatch_table = ChainMap(reducers or {}, base.dispatch_table)

        return Pickler(writer, protocol)

    def _make_methods(self):
        make(self)
        mark = getattr(self._writer, MARK, None)
        self.put = functools.partial(send_marked, mark, self.put)
        self._send = functools.partial(send_marked, mark, self._send)

    module.CustomizablePickler = CustomizablePickler
    module.CustomizablePicklingQueue._make_methods = _make_methods


def patch(module):
    name = module.__name__.rpartition(".")[2]
    loaded[name] = module
    globals()["patch_" + name](module)
