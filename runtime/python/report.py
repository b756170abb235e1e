"""What an exception says of itself, in the fields of an `error` frame. Loaded at the first error.

All of it is bounded, since an interrupt would only make it start again: of a deep stack the middle
is left out, of a long chain of causes its far end.
"""

import linecache
import sys
import traceback

OWN_FILES = "<replwire "
MOST_FRAMES = 200  # of a stack; the middle of a deeper one is left out
MOST_STACK = 2000  # frames that the text is made of
MOST_TEXT = 65536  # characters of a message or a traceback
MOST_CAUSES = 50
MOST_EXCEPTIONS = 100  # that the text is made of
MOST_MEMBERS = 15  # of a group, as the traceback module shows
MOST_NOTES = 100
MOST_SOURCE = 2000  # characters of a line
MOST_MARKED = 10_000  # characters of a line in which the place is marked
ExceptionGroup = __builtins__.get("BaseExceptionGroup", ())  # from 3.11 on


def cut(text):
    if len(text) <= MOST_TEXT:
        return text
    half = MOST_TEXT // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"


units = wire.load("units")


def told_column(line, column):
    """A column in bytes of UTF-8 as the client counts it."""
    if column is None or line is None:
        return column
    before = line.encode("utf-8", "replace")[:column].decode("utf-8", "replace")
    return units["told"](before, len(before))


class Stack(traceback.StackSummary):
    """Frames of which those in the middle may be left out."""

    gap = 0
    left_out = 0

    def format(self, **options):
        head, tail = self[: self.gap], self[self.gap :]
        lines = traceback.StackSummary.from_list(head).format(**options) if head else []
        if self.left_out:
            lines.append(f"  … {self.left_out} frames left out …\n")
        return lines + traceback.StackSummary.from_list(tail).format(**options)


def shortened(part):
    """(traceback, how many of its middle entries are left out)"""
    length, end = 0, part
    while end is not None:
        length, end = length + 1, end.tb_next
    left_out = length - MOST_STACK
    if left_out <= 0:
        return part, 0
    head = []
    for _ in range(MOST_STACK // 2):
        head.append(part)
        part = part.tb_next
    for _ in range(left_out):
        part = part.tb_next
    for each in reversed(head):
        part = type(each)(part, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return part, left_out


def tell(exception, entries):
    """The traceback module's account of this exception alone: with `_seen` it looks for no other."""
    told = traceback.TracebackException(
        type(exception), exception, entries, compact=True, _seen=set()
    )
    told.__cause__ = told.__context__ = told.exceptions = None
    told.__notes__ = notes_of(exception) or None
    if len(told._str) > MOST_TEXT:
        told._str = cut(told._str)
    return told


def notes_of(exception):
    try:
        notes = exception.__notes__
    except Exception:
        return []
    if not isinstance(notes, (list, tuple)):
        return []
    return [cut(each) if isinstance(each, str) else each for each in notes[:MOST_NOTES]]


class Report:
    """One exception and those that stand behind it. `told` is the traceback module's account; the
    sources of our own executions are put into it, and frames of our own code taken out."""

    def __init__(self, exception, sources, seen):
        seen.append(id(exception))
        self.kind = type(exception)
        entries, left_out = shortened(BaseException.__traceback__.__get__(exception))
        self.told = tell(exception, entries)
        self.notes = notes_of(exception)
        self.take_frames(entries, left_out, sources)
        self.message = str(self.told)
        if sys.version_info < (3, 12) and isinstance(exception, (NameError, AttributeError)):
            self.told._str = self.message + wire.load("suggest")["suggestion"](exception)
        self.behind = []  # (relation, Report)
        self.look_behind(exception, sources, seen)

    def take_frames(self, entries, left_out, sources):
        kept = Stack()
        self.last_lines = {}  # of frames whose source was sent, by their id
        for index, (part, frame) in enumerate(zip(links(entries), self.told.stack)):
            if index == MOST_STACK // 2 and left_out:
                kept.gap, kept.left_out = len(kept), left_out
            if not frame.filename.startswith(OWN_FILES):
                frame.lineno = frame.lineno or 1  # interrupted before the first instruction
                self.last_lines[id(frame)] = give_source(frame, sources(part.tb_frame.f_code))
                kept.append(frame)
        self.told.stack = kept

    def look_behind(self, exception, sources, seen):
        told = self.told
        if isinstance(exception, ExceptionGroup):
            members = ExceptionGroup.exceptions.__get__(exception)
            told.exceptions = [Omitted()] * len(members)
            for index, member in enumerate(members[:MOST_MEMBERS]):
                report = self.behind_by("member", member, sources, seen)
                if report is not None:
                    told.exceptions[index] = report.told
        cause = BaseException.__cause__.__get__(exception)
        context = BaseException.__context__.__get__(exception)
        if cause is not None:
            report = self.behind_by("cause", cause, sources, seen)
            told.__cause__ = report and report.told
        elif context is not None and not BaseException.__suppress_context__.__get__(exception):
            report = self.behind_by("context", context, sources, seen)
            told.__context__ = report and report.told

    def behind_by(self, relation, exception, sources, seen):
        known = relation != "member" and id(exception) in seen  # a ring of causes
        if known or len(seen) >= MOST_EXCEPTIONS:
            return None
        report = Report(exception, sources, seen)
        self.behind.append((relation, report))
        return report

    def fields(self, budget):
        """What an error and each of its causes have; `budget` bounds how many causes."""
        causes = []
        for relation, report in self.behind:
            if budget[0] > 0:
                budget[0] -= 1
                causes.append({"relation": relation, **report.fields(budget)})
        fields = {
            "exception_type": self.type_name(),
            "exception_message": self.message,
            "traceback": cut("".join(self.told.format(chain=False))),
            "frames": self.frames(),
        }
        if self.notes:
            fields["notes"] = [note for note in self.notes if isinstance(note, str)]
        if causes:
            fields["causes"] = causes
        return fields

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
        fields = [frame_fields(each, self.last_line) for each in stack]
        return fields + self.syntax_frame()

    def last_line(self, frame):
        """That of an expression over several lines, as it stands."""
        known = self.last_lines.get(id(frame))
        return known or linecache.getline(frame.filename, getattr(frame, "end_lineno", None) or 0)

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
            column = max(int(told.offset) - 1, 0)
            fields["column"] = units["told"](told.text, column)
            end = getattr(told, "end_offset", None)
            if end is not None and end > 0:
                line = told.text if fields.get("end_line", told.lineno) == told.lineno else None
                fields["end_column"] = units["told"](line, max(int(end) - 1, column))
        fields["function"] = ""
        fields["source"] = (told.text or "").rstrip("\n")[:MOST_SOURCE]
        return [fields]


def frame_fields(frame, last_line):
    fields = {"filename": frame.filename, "line": frame.lineno or 0}
    for name in ("_original_line", "_original_lines", "_line"):  # 3.11, 3.13, 3.10
        line = getattr(frame, name, None)
        if line:
            break
    line = (line or "").split("\n")[0]
    if getattr(frame, "end_lineno", None) is not None:
        fields["end_line"] = frame.end_lineno
        if frame.colno is not None:
            fields["column"] = told_column(line, frame.colno)
            last = line if frame.end_lineno == frame.lineno else last_line(frame)
            fields["end_column"] = told_column(last, frame.end_colno)
    fields["function"] = frame.name
    fields["source"] = line[:MOST_SOURCE]
    return fields


class Omitted:
    """In place of the account of an exception that is left out."""

    def format(self, *, chain=True, _ctx=None, **options):
        yield from _ctx.emit("…\n")


def links(part):
    while part is not None:
        yield part
        part = part.tb_next


def give_source(frame, source):
    """The last of its lines, when they were sent."""
    if source is None:
        return None
    last = getattr(frame, "end_lineno", None) or frame.lineno
    lines = source.lines(frame.lineno, min(last, frame.lineno + MOST_STACK))
    if any(len(line) > MOST_MARKED for line in lines):
        lines = [line[:MOST_MARKED] for line in lines]
        if hasattr(frame, "colno"):
            frame.colno = frame.end_colno = None
    if hasattr(frame, "_lines"):  # 3.13 and later
        frame._lines = "\n".join(lines) + "\n"
    else:
        frame._line = lines[0] + "\n"  # by which the carets are counted
    return lines[-1] if last - frame.lineno < MOST_STACK else None


def syntax_message(exception):
    """The text of a SyntaxError without its place."""
    text = SyntaxError.msg.__get__(exception) if isinstance(exception, SyntaxError) else None
    return cut(text) if isinstance(text, str) else None


def report(exception, sources):
    """(type, message, traceback, frames, notes or None, causes or None, syntax message or None)"""
    if "note_gpu" in vars(wire):
        wire.note_gpu(exception)
    linecache.clearcache()
    told = Report(exception, sources, [])
    fields = told.fields([MOST_CAUSES])
    text = cut("".join(told.told.format())) if told.behind else fields["traceback"]
    linecache.clearcache()
    return (
        fields["exception_type"],
        fields["exception_message"],
        text,
        fields["frames"],
        fields.get("notes"),
        fields.get("causes"),
        syntax_message(exception),
    )
