"""The standard streams of a session. `wire` is the _replwire module."""

import io


class Bytes(io.BufferedIOBase):
    """What sys.stdout.buffer is: bytes, on their way at once."""

    mode = "wb"

    def __init__(self, stream, name):
        self._stream = stream
        self.name = name
        self.raw = self

    def write(self, data):
        if self.closed:
            raise ValueError("write to closed file")
        return wire.write_raw(self._stream, bytes(data))

    def writable(self):
        return True

    def fileno(self):
        return self._stream + 1


def closed_write(text):
    raise ValueError("I/O operation on closed file.")


class Out(io.TextIOBase):
    """What sys.stdout and sys.stderr have in common.

    All that a stream has is on its class, `write` as a built-in function: print() then finds it
    without a look into the object, which has no __dict__ until user code gives it one.
    """

    mode = "w"
    encoding = "utf-8"
    errors = "backslashreplace"
    newlines = None
    line_buffering = True
    write_through = True

    def __init__(self):
        type(self).buffer = Bytes(self._stream, self.name)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        wire.flush()

    def close(self):
        if not self.closed:
            super().close()
            self.write = closed_write
            wire.note_closed()

    def detach(self):
        return self.buffer

    def reconfigure(self, **options):
        """Accepted as a TextIOWrapper would; the wire is UTF-8 whatever it says."""

    def writable(self):
        return True

    def fileno(self):
        return self.buffer.fileno()

    def __repr__(self):
        return f"<replwire stream name={self.name!r} mode='w' encoding='utf-8'>"


class Answers(io.RawIOBase):
    """What stands below sys.stdin: each read that finds nothing left asks for one line."""

    mode = "rb"
    name = "<stdin>"

    def __init__(self):
        self._rest = b""

    def readable(self):
        return True

    def fileno(self):
        return 0

    def close(self):
        super().close()
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


def stdin():
    return io.TextIOWrapper(io.BufferedReader(Answers()), encoding="utf-8", errors="replace")


class stdout(Out):
    _stream = 0
    name = "<stdout>"
    write = wire.write_stdout


class stderr(Out):
    _stream = 1
    name = "<stderr>"
    write = wire.write_stderr
