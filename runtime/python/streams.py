"""The standard streams of a session. `wire` is the _replwire module.

They are CPython's own classes above a bottom of ours, so that they take and refuse what any
Python's do. Text does not go down through them: write() is a function of ours, and the wire is
UTF-8 whatever reconfigure() says.
"""

import errno
import io
from _weakref import ref


class Raw(io.FileIO):
    """What lies at the bottom: bytes, on their way at once."""

    def __init__(self, stream, name):
        super().__init__(stream + 1, "wb", closefd=False)
        self._stream = stream
        self.name = name

    def write(self, data):
        if self.closed:
            raise ValueError("I/O operation on closed file")
        try:
            data = bytes(memoryview(data))
        except TypeError:
            kind = type(data).__name__
            raise TypeError(f"a bytes-like object is required, not '{kind}'") from None
        return wire.write_raw(self._stream, data)


class Bytes(io.BufferedWriter):
    """What sys.stdout.buffer is. It keeps nothing, or text would overtake it."""

    text = None  # a reference to the stream that stands above it

    def write(self, data):
        size = super().write(data)
        super().flush()
        return size

    def flush(self):
        super().flush()
        wire.flush()

    def close(self):
        if not self.closed:
            super().close()
            text = self.text and self.text()
            if text is not None:
                text.write = closed_write
            wire.note_closed()


def shown(stream):
    """From 3.13 on CPython would show the name of the class."""
    name, mode, encoding = stream.name, stream.mode, stream.encoding
    return f"<_io.TextIOWrapper name={name!r} mode={mode!r} encoding={encoding!r}>"


def closed_write(text, why="I/O operation on closed file."):
    if not isinstance(text, str):
        kind = "None" if text is None else type(text).__name__
        raise TypeError(f"write() argument must be str, not {kind}")
    raise ValueError(why)


def detached_write(text):
    closed_write(text, "underlying buffer has been detached")


class Out(io.TextIOWrapper):
    """What sys.stdout and sys.stderr have in common.

    `write` is a built-in function on the class: print() then finds it without a look into the
    object, which has no __dict__ until user code gives it one.
    """

    mode = "w"

    def __init__(self):
        buffer = Bytes(Raw(self._stream, self._name))
        buffer.text = ref(self)
        super().__init__(
            buffer,
            encoding="utf-8",
            errors="backslashreplace",
            line_buffering=True,
            write_through=True,
        )

    def detach(self):
        buffer = super().detach()
        self.write = detached_write
        return buffer

    def __repr__(self):
        return shown(self)


class Answers(io.RawIOBase):
    """What stands below sys.stdin: each read that finds nothing left asks for one line."""

    mode = "rb"

    def __init__(self, name="<stdin>"):
        self.name = name
        self._rest = b""

    def readable(self):
        return True

    def fileno(self):
        if self.closed:
            raise ValueError("I/O operation on closed file")
        return 0

    def isatty(self):
        return self.fileno() != 0

    def seek(self, *_):
        raise OSError(errno.ESPIPE, "Illegal seek")

    def close(self):
        super().close()
        if self.name != 0:
            wire.note_closed()

    def readinto(self, buffer):
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        if not self._rest:
            try:
                line = wire.ask("", False)
            except EOFError:
                return 0
            self._rest = (line if line.endswith("\n") else line + "\n").encode()
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def open_zero(
    file,
    mode="r",
    buffering=-1,
    encoding=None,
    errors=None,
    newline=None,
    closefd=True,
    opener=None,
):
    """What open(0) returns."""
    if opener is not None or set(mode) - set("rbt"):
        return real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
    real_open(file, mode, buffering, encoding, errors, newline, False).close()  # what it refuses
    raw = Answers(0)
    if "b" in mode:
        return raw if buffering == 0 else io.BufferedReader(raw)
    reader = io.BufferedReader(raw)
    stream = io.TextIOWrapper(reader, encoding or "utf-8", errors, newline, buffering == 1)
    stream.mode = mode
    return stream


class In(io.TextIOWrapper):
    mode = "r"

    def __repr__(self):
        return shown(self)


def stdin():
    return In(io.BufferedReader(Answers()), encoding="utf-8", errors="replace")


class stdout(Out):
    _stream = 0
    _name = "<stdout>"
    write = wire.write_stdout


class stderr(Out):
    _stream = 1
    _name = "<stderr>"
    write = wire.write_stderr


# As messages name them.
for each in (Raw, Bytes, In, Out, stdout, stderr):
    each.__module__ = "_io"
    each.__name__ = each.__qualname__ = each.__base__.__name__
