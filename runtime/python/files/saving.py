"""Writes the session's variables to a file (docs/saving.md).

Each name is pickled twice. The first time, the survey, nothing is written: it tells which names can be
saved, why the others cannot, how long it all is, and which names share objects. Those that do are a
group; a group is one pickle, since sharing is what a pickle keeps. The second time it goes to the
file. Nothing of a name that fails is left there.
"""

import json
import sys

format = wire.use("savefile")
reducing = wire.use("reducing")
Pickler = reducing.Pickler
dump = wire.use("pickles").dump
is_user_name = wire.use("variables").is_user_name

PENDING = 1 << 20  # bytes that are gathered before they are written
LARGE = 1 << 16  # bytes that are not gathered
TEMPORARY = 1 << 24  # bytes of copies that a pickler is not to hold on to


class Count:
    """A file that takes note of how much is written."""

    def __init__(self):
        self.size = self.copied = 0

    def write(self, data):
        size = memoryview(data).nbytes
        self.size += size
        if size >= LARGE:
            self.copied += size

    def keep(self, buffer):
        size = buffer.raw().nbytes
        if size < reducing.SMALL:
            return True
        self.size += size
        return False


class Output:
    """The file in the making, a group at a time."""

    def __init__(self, total):
        self.pending = []
        self.waiting = 0  # bytes of these
        self.done = 0
        self.total = total
        self.begin()
        self.write(bytes(format.LINE))

    def begin(self):
        self.start = self.done
        self.check = 0
        self.buffers = []

    def write(self, data):
        view = memoryview(data).cast("B")
        if view.nbytes >= LARGE:
            self.flush()
            self.put(view)
            return
        self.check = wire.checksum(view, self.check)
        self.pending.append(bytes(view))
        self.waiting += view.nbytes
        self.done += view.nbytes
        if self.waiting >= PENDING:
            self.flush()

    def put(self, view):
        for start in range(0, view.nbytes, format.PIECE):
            piece = view[start : start + format.PIECE]
            self.check = wire.write_out(piece, self.check)
            self.done += piece.nbytes
            wire.progress(self.done, max(self.done, self.total))

    def flush(self):
        if self.pending:
            wire.write_out(b"".join(self.pending), 0)
            self.pending = []
            self.waiting = 0
            wire.progress(self.done, max(self.done, self.total))

    def keep(self, buffer):
        view = buffer.raw()
        if view.nbytes < reducing.SMALL:
            return True
        self.buffers.append(view)
        return False

    def end(self, names, has_code):
        """Of a group: its entry in the index."""
        size = self.done - self.start
        entry = {"names": names, "offset": self.start, "size": size}
        if self.buffers:
            entry["buffers"] = [view.nbytes for view in self.buffers]
        for view in self.buffers:
            self.write(view)
        entry["checksum"] = f"{self.check:08x}"
        if has_code:
            entry["code"] = True
        return entry

    def give_up(self):
        """What has been written of this group."""
        self.flush()
        wire.cut_file(self.start)
        self.done = self.start


class Survey:
    """What can be saved, and how."""

    def __init__(self, names):
        self.names = names
        self.reasons = {}  # by the name that cannot be saved
        self.base = Pickler
        self.looks = True  # for cloudpickle, when it is needed
        self.size = 0
        wire.begin_survey(reducing.classify, reducing.known, wire.main)
        self.begin()
        for name in names:
            wire.survey_name()
            self.look_at(name)

    def begin(self):
        self.count = Count()
        self.pickler = reducing.make_pickler(self.base, self.count, self.count.keep, True)

    def look_at(self, name):
        before, copied = self.count.size, self.count.copied
        self.pickler.refused = None
        try:
            dump(self.pickler, wire.main[name])
            if self.pickler.refused is not None:
                raise self.pickler.refused
        except reducing.ByValue as error:
            base = self.find_cloudpickle()
            if base is not None:
                self.size += before
                self.base = base
                self.begin()
                return self.look_at(name)
            self.fail(name, error, before)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.fail(name, error, before)
        else:
            wire.survey_end(True)
            if self.count.copied - copied >= TEMPORARY:
                self.pickler.clear_memo()

    def find_cloudpickle(self):
        """Its pickler, or None; looked for once."""
        if self.looks:
            self.looks = False
            return reducing.find_cloudpickle()
        return None

    def fail(self, name, error, before):
        self.reasons[name] = reason_of(error, dict.get(wire.main, name))
        self.count.size = before
        self.pickler.clear_memo()
        wire.survey_end(False)

    def end(self):
        """The groups; what is lost of the sharing is told with the reasons."""
        groups, lost = wire.end_survey()
        others = {}
        for failed, other in lost:
            others.setdefault(self.names[failed], []).append(self.names[other])
        for name, sharing in others.items():
            listed = ", ".join(sharing[:5]) + (", …" if len(sharing) > 5 else "")
            self.reasons[name] += f"; what it shares with {listed} is saved with that alone"
        self.size += self.count.size
        return [[self.names[number] for number in group] for group in groups]


def reason_of(error, value):
    if isinstance(error, reducing.Refused):
        place = "is" if error.value is value else "is of" if error.value is type(value) else "holds"
        return f"it {place} {error.what}"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "there is not enough memory to pickle it"
    try:
        text = str(error)
    except Exception:
        text = ""
    return f"it cannot be pickled: {type(error).__name__}: {text}"[:1000]


class Writer:
    def __init__(self, survey, groups):
        self.survey = survey
        self.output = Output(survey.size + format.LINE)
        self.index = []
        self.pickler = reducing.make_pickler(survey.base, self.output, self.output.keep)
        for group in groups:
            self.add(group)
        self.output.flush()

    def add(self, names):
        """A group; a name that can be pickled no more is left out of it."""
        while names:
            self.output.begin()
            self.pickler.has_code = False
            self.pickler.clear_memo()
            try:
                dump(self.pickler, [wire.main[name] for name in names])
            except (KeyboardInterrupt, OSError):
                raise
            except BaseException as error:
                self.output.give_up()
                names = self.without_failing(names, error)
            else:
                self.index.append(self.output.end(names, self.pickler.has_code))
                return

    def without_failing(self, names, error):
        left = []
        for name in names:
            count = Count()
            try:
                pickler = reducing.make_pickler(self.survey.base, count, count.keep)
                dump(pickler, wire.main[name])
            except KeyboardInterrupt:
                raise
            except BaseException as failure:
                self.survey.reasons[name] = reason_of(failure, dict.get(wire.main, name))
            else:
                left.append(name)
        if len(left) == len(names):  # each by itself can, and all together cannot
            for name in names:
                self.survey.reasons[name] = reason_of(error, None)
            return []
        return left

    def finish(self):
        output = self.output
        output.begin()
        text = json.dumps(
            {
                "python": "%d.%d.%d" % sys.version_info[:3],
                "implementation": sys.implementation.name,
                "groups": self.index,
            }
        )
        output.write(text.encode())
        output.flush()
        wire.finish_file(format.first_line(output.start, len(text), output.check))


def save(asked):
    """(names, [(name that is not saved, reason)])"""
    space = wire.main
    skipped = []
    if asked is None:
        names = sorted(name for name, value in space.items() if is_user_name(name, value))
    else:
        names = sorted({name for name in asked if name in space})
        missing = sorted({*asked} - {*names})
        skipped += [(name, "there is no such name") for name in missing]
    survey = Survey(names)
    groups = survey.end()
    writer = Writer(survey, groups)
    writer.finish()
    skipped += survey.reasons.items()
    return sorted(name for entry in writer.index for name in entry["names"]), sorted(skipped)
