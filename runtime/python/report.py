"""What an exception says of itself, in the fields of an `error` frame. Loaded at the first error."""

import sys
import traceback

OWN_FILES = "<replwire "
MOST_FRAMES = 200  # of a stack; the middle of a deeper one is left out
MOST_TEXT = 65536  # characters of a message or a traceback
MOST_CAUSES = 50
MOST_SOURCE = 2000  # characters of a line


def dump(value):
    """JSON text of dicts, lists, strings, integers and None."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return wire.json_string(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{dump(k)}:{dump(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dump, value)) + "]"
    return int.__repr__(value)


def cut(text):
    if len(text) <= MOST_TEXT:
        return text
    half = MOST_TEXT // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"


def characters(line, column):
    """A column in bytes of UTF-8 as one in code points."""
    if column is None or line is None:
        return column
    return len(line.encode("utf-8", "replace")[:column].decode("utf-8", "replace"))


class Report:
    """`told` is the traceback module's account of one exception; the sources of our own
    executions are put into it, and frames of our own code taken out."""

    def __init__(self, exception, told, sources):
        self.told = told
        self.kind = type(exception)
        codes = [frame.f_code for frame, _ in traceback.walk_tb(exception.__traceback__)]
        kept = []
        for code, frame in zip(codes, told.stack):
            if not frame.filename.startswith(OWN_FILES):
                frame.lineno = frame.lineno or 1  # interrupted before the first instruction
                self.give_source(frame, sources(code))
                kept.append(frame)
        told.stack = traceback.StackSummary.from_list(kept)
        self.message = cut(str(told))
        if sys.version_info < (3, 12) and isinstance(exception, (NameError, AttributeError)):
            told._str = str(told) + wire.load("suggest")["suggestion"](exception)

    @staticmethod
    def give_source(frame, source):
        if source is None:
            return
        numbers = range(frame.lineno, (getattr(frame, "end_lineno", None) or frame.lineno) + 1)
        lines = [source.line(number) or "" for number in numbers]
        if hasattr(frame, "_lines"):  # 3.13 and later
            frame._lines = "\n".join(lines) + "\n"
        else:
            frame._line = lines[0] + "\n"  # by which the carets are counted

    def type_name(self):
        kind = self.kind
        module = kind.__module__
        if module in ("__main__", "builtins") or not isinstance(module, str):
            return kind.__qualname__
        return f"{module}.{kind.__qualname__}"

    def frames(self):
        stack = list(self.told.stack)
        if len(stack) > MOST_FRAMES:
            stack = stack[: MOST_FRAMES // 2] + stack[-MOST_FRAMES // 2 :]
        return [frame_fields(frame) for frame in stack] + self.syntax_frame()

    def syntax_frame(self):
        told = self.told
        if not issubclass(self.kind, SyntaxError):
            return []
        if told.filename is None or told.lineno is None:
            return []
        fields = {"filename": str(told.filename), "line": int(told.lineno)}
        end_line = getattr(told, "end_lineno", None)
        if end_line:
            fields["end_line"] = int(end_line)
        if told.offset is not None:
            fields["column"] = max(int(told.offset) - 1, 0)
            end = getattr(told, "end_offset", None)
            if end is not None and end > 0:
                fields["end_column"] = max(int(end) - 1, fields["column"])
        fields["function"] = ""
        fields["source"] = (told.text or "").rstrip("\n")[:MOST_SOURCE]
        return [fields]

    def text(self):
        return cut("".join(self.told.format(chain=False)))


def frame_fields(frame):
    fields = {"filename": frame.filename, "line": frame.lineno or 0}
    for name in ("_original_line", "_original_lines", "_line"):  # 3.11, 3.13, 3.10
        line = getattr(frame, name, None)
        if line:
            break
    line = (line or "").split("\n")[0]
    if getattr(frame, "end_lineno", None) is not None:
        fields["end_line"] = frame.end_lineno
        if frame.colno is not None:
            fields["column"] = characters(line, frame.colno)
            last = line if frame.end_lineno == frame.lineno else None
            fields["end_column"] = characters(last, frame.end_colno)
    fields["function"] = frame.name
    fields["source"] = line[:MOST_SOURCE]
    return fields


def related(exception, told):
    """The exceptions that stand behind this one, as (relation, exception, told)."""
    for member, member_told in zip(
        getattr(exception, "exceptions", ()) or (), getattr(told, "exceptions", ()) or ()
    ):
        yield "member", member, member_told
    if told.__cause__ is not None:
        yield "cause", exception.__cause__, told.__cause__
    elif told.__context__ is not None and not exception.__suppress_context__:
        yield "context", exception.__context__, told.__context__


def describe(exception, told, sources, budget):
    """The fields that an error and each of its causes share; `budget` bounds how many."""
    causes = []
    for relation, other, other_told in related(exception, told):
        if budget[0] > 0:
            budget[0] -= 1
            causes.append({"relation": relation, **describe(other, other_told, sources, budget)})
    report = Report(exception, told, sources)
    fields = {
        "exception_type": report.type_name(),
        "exception_message": report.message,
        "traceback": report.text(),
        "frames": report.frames(),
    }
    notes = getattr(exception, "__notes__", None)
    if isinstance(notes, (list, tuple)) and notes:
        fields["notes"] = [cut(note) for note in notes if isinstance(note, str)]
    if causes:
        fields["causes"] = causes
    return fields


def whole_text(told):
    return cut("".join(told.format()))


def report(exception, sources):
    """(type, message, traceback, frames, notes, causes); the last three as JSON or None."""
    if "note_gpu" in vars(wire):
        wire.note_gpu(exception)
    told = traceback.TracebackException(
        type(exception), exception, exception.__traceback__, compact=True
    )
    fields = describe(exception, told, sources, [MOST_CAUSES])
    return (
        fields["exception_type"],
        fields["exception_message"],
        whole_text(told) if "causes" in fields else fields["traceback"],
        dump(fields["frames"]),
        dump(fields["notes"]) if "notes" in fields else None,
        dump(fields["causes"]) if "causes" in fields else None,
    )


def set_last(exception):
    """What the interactive interpreter leaves behind for pdb.pm()."""
    sys.last_type, sys.last_value = type(exception), exception
    sys.last_traceback = exception.__traceback__
    if sys.version_info >= (3, 12):
        sys.last_exc = exception
