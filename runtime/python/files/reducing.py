"""How objects are pickled that `pickle` itself cannot pickle, or would pickle wrongly, and which are
refused, with a reason for people. Functions and classes that the session's code defines are saved by
value, by the package `cloudpickle`; its functions would come with copies of the globals that they use,
so those are left to us: a function that is loaded uses the session's own."""

import sys

safe = wire.use("safe")
Pickler = wire.use("pickles").Pickler
load_public = wire.builtins["__import__"]

OBJECT, VALUE, TEXT, DEFINITION, KNOWN = range(5)  # as Sharing::Kind counts them
SMALL = 4096  # bytes of a buffer that stays in the pickle
CELL = type((lambda value: lambda: value)(0).__closure__[0])
CODE = type((lambda: 0).__code__)
NEEDS = "which takes the package cloudpickle: python3 -m pip install cloudpickle"


class Refused(Exception):
    """An object that is not saved: `what` it is."""

    def __init__(self, what, value):
        self.what = what
        self.value = value


class ByValue(Refused):
    """The same, but for `cloudpickle`."""


class Marker:
    """Stands in a pickle for what has a name of its own: `wire.persistent_id` finds it."""

    def __init__(self, name):
        self.name = name

    def __call__(self):
        """What is to be called when it is loaded has to be callable as it is saved."""


MAKE_FUNCTION, SET_FUNCTION = Marker("make_function"), Marker("set_function")
MAKE_CELL, SET_CELL = Marker("make_cell"), Marker("set_cell")
MAKE_MEMOIZED = Marker("make_memoized")

# By the full name of a class that an object's class derives from.
REFUSED = {
    "_io._IOBase": "an open file",
    "tempfile._TemporaryFileWrapper": "an open file",
    "_socket.socket": "a socket",
    "_ssl._SSLContext": "a TLS context",
    "_thread.lock": "a lock",
    "_thread.RLock": "a lock",
    "threading.Condition": "a lock",
    "threading.Event": "a lock",
    "threading.Semaphore": "a lock",
    "threading.Barrier": "a lock",
    "threading.Thread": "a thread",
    "_thread._local": "data of a thread",
    "generator": "a generator",
    "coroutine": "a coroutine",
    "async_generator": "a generator",
    "frame": "a stack frame",
    "traceback": "a traceback",
    "mmap.mmap": "a mapped file",
    "subprocess.Popen": "a process",
    "multiprocessing.process.BaseProcess": "a process",
    "multiprocessing.pool.Pool": "a pool of processes",
    "concurrent.futures._base.Executor": "a pool of workers",
    "_asyncio.Future": "a task",
    "asyncio.events.AbstractEventLoop": "an event loop",
    "select.epoll": "an open descriptor",
    "cupy.ndarray": "an array on a GPU",
    "cupy._core.core.ndarray": "an array on a GPU",
    "numba.cuda.cudadrv.devicearray.DeviceNDArrayBase": "an array on a GPU",
}
IN_MEMORY = ("_io.BytesIO", "_io.StringIO")
DATABASES = {"sqlite3", "psycopg", "psycopg2", "pymysql", "MySQLdb", "mysql", "asyncpg", "oracledb"}
DATABASES |= {"pyodbc", "duckdb", "sqlalchemy", "redis", "pymongo", "mariadb", "_duckdb", "aiosqlite"}
LINKS = {"connection", "cursor", "engine", "session", "pool", "redis", "mongoclient"}
LINKS |= {"duckdbpyconnection"}
JAX_ARRAYS = {"jaxlib._jax.ArrayImpl", "jaxlib.xla_extension.ArrayImpl"}
VALUES = frozenset(map(id, (type(None), bool, int, float, complex, type(len), type(...))))
SINGLE = {"dataclasses._FIELD_BASE", "dataclasses._MISSING_TYPE", "dataclasses._KW_ONLY_TYPE"}
SINGLE |= {"dataclasses._HAS_DEFAULT_FACTORY_CLASS"}  # each object has a name in that module
VALUE_CLASSES = {"enum.Enum", "numpy.dtype", "datetime.tzinfo"}  # the same again wherever loaded


def refusal(kind):
    """What an object of this class is that cannot be saved, or None."""
    names = [safe.full_name(cls) for cls in safe.mro(kind)]
    if any(name in IN_MEMORY for name in names):
        return None
    for name in names:
        if name in REFUSED:
            return REFUSED[name]
        root = name.partition(".")[0]
        if root in DATABASES and name.rpartition(".")[2].lower() in LINKS:
            return f"a database connection ({root.lstrip('_')})"
    return None


def classify(kind):
    """For Sharing: what objects of this class count as."""
    if id(kind) in VALUES:
        return VALUE
    if kind is str or kind is bytes:
        return TEXT
    if kind is Marker or safe.is_subclass(safe.Module, kind) or safe.full_name(kind) in SINGLE:
        return KNOWN
    if kind is safe.Function or safe.is_subclass(type, kind):
        return DEFINITION
    if any(safe.full_name(cls) in VALUE_CLASSES for cls in safe.mro(kind)):
        return VALUE
    return OBJECT


def known(value):
    """The name by which an object is found again that is not pickled, or None."""
    if type(value) is Marker:
        return value.name
    if value is wire.main:
        return "namespace __main__"
    if safe.full_name(type(value)) in SINGLE:
        return name_in_module(value, safe.module_of(type(value)))
    name = safe.module_name(value)
    if dict.get(sys.modules, name) is value and (name == "__main__" or spec_of(value) is not None):
        return f"module {name}"
    raise Refused(f"a module that no import finds ({name})", value)


def name_in_module(value, module):
    for name, each in safe.items(safe.instance_dict(dict.get(sys.modules, module)) or {}):
        if each is value:
            return f"object {module} {name}"
    return None


def spec_of(module):
    return dict.get(safe.instance_dict(module) or {}, "__spec__")


def is_importable(value, module, name):
    if type(module) is not str or module == "__main__" or "<" in name:
        return False
    found = dict.get(sys.modules, module)
    for each in name.split("."):
        found = getattr(found, each, None)
    return found is value


def reduce_function(pickler, function):
    if is_importable(function, function.__module__, function.__qualname__):
        return NotImplemented
    if not pickler.by_value:
        return pickler.lack(f"a function typed in the session ({function.__name__})", function)
    space = function.__globals__
    name = dict.get(space, "__name__")
    module = dict.get(sys.modules, name) if type(name) is str else None
    if space is wire.main:
        name = "__main__"
    elif safe.instance_dict(module) is not space:
        return pickler.reduce_by_value(function)
    pickler.has_code = True
    wire.note_by_value(function)
    arguments = function.__code__, Marker(f"namespace {name}"), function.__name__
    state = {
        "__qualname__": function.__qualname__,
        "__module__": function.__module__,
        "__doc__": function.__doc__,
        "__defaults__": function.__defaults__,
        "__kwdefaults__": function.__kwdefaults__,
    }
    state.update(annotations_of(function))
    if getattr(function, "__type_params__", ()):
        state["__type_params__"] = function.__type_params__
    whole = {**function.__dict__}, state
    return MAKE_FUNCTION, (*arguments, function.__closure__), whole, None, None, SET_FUNCTION


def annotations_of(function):
    annotate = getattr(function, "__annotate__", None)  # from 3.14 on; they may not be known yet
    if annotate is not None:
        return {"__annotate__": annotate}
    return {"__annotations__": function.__annotations__}


def reduce_cell(pickler, cell):
    """Functions that share a variable go on sharing it."""
    if not pickler.by_value:
        return pickler.lack("a variable of a function typed in the session", cell)
    try:
        content = (cell.cell_contents,)
    except ValueError:  # it is empty
        content = ()
    return MAKE_CELL, (), content, None, None, SET_CELL


def reduce_class(pickler, cls):
    module = safe.module_of(cls)
    if safe.is_static(cls) or is_importable(cls, module, safe.qualname(cls)):
        return pickler.reduce_by_value(cls) if pickler.by_value else NotImplemented
    if not pickler.by_value:
        return pickler.lack(f"a class typed in the session ({safe.qualname(cls)})", cls)
    wire.note_by_value(cls)
    return pickler.reduce_by_value(cls)


def reduce_memoized(pickler, function):
    """A function behind functools.lru_cache; pickle would look for its name."""
    if is_importable(function, function.__module__, function.__qualname__):
        return NotImplemented
    size = function.cache_parameters()
    return MAKE_MEMOIZED, (size["maxsize"], size["typed"], function.__wrapped__)


def reduce_named(pickler, value):
    """An object of a class that says itself how it is pickled: where that is by name, nobody would
    find it."""
    if getattr(value, "__module__", None) != "__main__":
        return NotImplemented
    reduced = value.__reduce_ex__(5)
    if type(reduced) is str:
        return pickler.refuse(f"known by its name alone ({reduced})", value)
    return reduced


def reduce_code(pickler, code):
    """Functions of one execution have equal tuples of names in common, which make no group of them."""
    pickler.has_code = True
    if not pickler.by_value:
        return NotImplemented
    make, arguments, *rest = pickler.dispatch_table[CODE](code)
    copies = [tuple([*each]) if type(each) is tuple else each for each in arguments]
    return make, tuple(copies), *rest


def reduce_tensor(pickler, tensor):
    """Of torch, whose own way copies the data three times; an array's data goes into the file as it is."""
    if tensor.device.type == "meta":  # it has no data
        return NotImplemented
    if tensor.device.type != "cpu":
        return pickler.refuse(f"a tensor on a GPU ({tensor.device})", tensor)
    torch = sys.modules["torch"]
    plain = type(tensor) is torch.Tensor and tensor.layout is torch.strided and tensor.is_contiguous()
    if not plain or tensor.requires_grad or tensor.has_names() or vars(tensor):
        return NotImplemented
    try:
        return torch.from_numpy, (tensor.resolve_conj().resolve_neg().numpy(),)
    except (TypeError, RuntimeError):  # numpy has no such type of data, or is not there
        return NotImplemented


def reduce_jax(pickler, array):
    """A copy of the process, which is what saves, has no GPU: to ask for the data would wait for ever."""
    elsewhere = sorted(str(each) for each in array.devices() if each.platform != "cpu")
    if elsewhere:
        return pickler.refuse(f"an array on {', '.join(elsewhere)}", array)
    return NotImplemented


REDUCE = ("__reduce__", "__reduce_ex__")


def has_own_reduce(kind, name):
    return safe.in_classes(kind, name) is not safe.in_classes(object, name)


def plan_for(kind):
    """The function that reduces objects of this class, or None."""
    what = refusal(kind)
    if what is not None:
        return lambda pickler, value: pickler.refuse(described(what, value), value)
    if kind is safe.Function:
        return reduce_function
    if kind is CELL:
        return reduce_cell
    if kind is CODE:
        return reduce_code
    if safe.is_subclass(type, kind):
        return reduce_class
    names = {safe.full_name(cls) for cls in safe.mro(kind)}
    if "torch.Tensor" in names:
        return reduce_tensor
    if names & JAX_ARRAYS:
        return reduce_jax
    if "functools._lru_cache_wrapper" in names:
        return reduce_memoized
    if not safe.is_static(kind) and any(has_own_reduce(kind, name) for name in REDUCE):
        return reduce_named
    return None


def described(what, value):
    name = getattr(value, "name", None) if what == "an open file" else None
    return f"{what} ({name!r})" if type(name) is str else what


def make_pickler(base, file, keep_buffer, goes_on=False):
    """On `base`, which is `_pickle.Pickler` or cloudpickle's. `goes_on`: an object that is refused is
    noted in `refused`, and the pickle goes on without it."""
    plans = {}  # id of a class: (the class, its plan)
    by_value = base is not Pickler
    core = next(cls for cls in base.__mro__ if cls.__module__ == "_pickle")

    class SessionPickler(base):
        persistent_id = wire.persistent_id
        has_code = False
        refused = None  # the first Refused
        put = core.dump  # cloudpickle's own would turn errors into others
        if by_value:
            dispatch_table = {**getattr(base, "dispatch_table", {})}

        def reducer_override(self, value):
            kind = type(value)
            found = plans.get(id(kind))
            if found is None:
                found = plans[id(kind)] = kind, plan_for(kind)
            return NotImplemented if found[1] is None else found[1](self, value)

        def reduce_by_value(self, value):
            return base.reducer_override(self, value)

        def refuse(self, what, value):
            return self.leave_out(Refused(what, value))

        def lack(self, what, value):
            return self.leave_out(ByValue(f"{what}, {NEEDS}", value))

        def leave_out(self, error):
            if not goes_on:
                raise error
            self.refused = self.refused or error
            return int, ()

    SessionPickler.by_value = by_value
    return SessionPickler(file, protocol=5, buffer_callback=keep_buffer)


def find_cloudpickle():
    """Its pickler, or None."""
    try:
        return load_public("cloudpickle").CloudPickler
    except Exception:
        return None
