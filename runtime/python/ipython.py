"""IPython, with --ipython: a shell of its own in the session's namespace. It turns what is sent into
Python and is told how that ended, so that magics, In and Out, hooks and display formatters are
IPython's. Code still runs, prints, asks, awaits, is interrupted and fails as in any session."""

import builtins
import os
import re
import subprocess
import sys
import tempfile
from keyword import iskeyword

# Before the import: its display() stays its own. What there is now, should it fail.
wire.with_ipython = [
    (space, dict(space)) for space in (vars(sys.modules["__main__"]), vars(builtins))
]

from IPython.core.application import BaseIPythonApplication
from IPython.core.autocall import IPyAutocall
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.error import UsageError
from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell
from IPython.core.macro import Macro
from IPython.core.shellapp import InteractiveShellApp
from IPython.display import clear_output, update_display
from IPython.utils.text import LSString, SList
from traitlets import Type

MAGICS = "IPython.core.magics."
PLAIN = "text/plain"
CONFIGURATION = ["ipython_config.py", "ipython_kernel_config.py"]
PROMPT = re.compile(r"(?:^|[\n\r\f\v\x1c-\x1e\x85\u2028\u2029])\s*(?:In \[|>>>|\.\.\.)")
# Code without these marks is Python, or a single line that starts with a command's name. Without a
# backslash it can be compiled twice: a bad escape warns each time.
MARKS = re.compile(r"\s*[,;/]|.*[%!?\\]", re.DOTALL)
FIRST_WORD = re.compile(r"([\w.*]*)\s*([=,]?)")  # as IPython's prefilter takes it
is_python = wire.load("quiet")["is_python"]
now = None  # the execution in hand, as hooks are told of it
unsure = False  # whether its code is Python is not known before it is compiled


class Publisher(DisplayPublisher):
    def publish(self, data, metadata=None, *args, transient=None, update=False, **options):
        publish = wire.show()["publish_display_data"]
        publish(data, metadata, transient=transient, update=update)

    def clear_output(self, wait=False):
        wire.show()["clear_output"](wait)


class Hook(DisplayHook):
    """Called only for code that the shell itself runs: %%capture, %rerun, run_cell()."""

    def start_displayhook(self):
        pass

    def write_output_prompt(self):
        pass

    def write_format_data(self, format_dict, md_dict=None):
        self.shell.display_pub.publish(format_dict, md_dict)

    def finish_displayhook(self):
        pass


class Shell(InteractiveShell):
    display_pub_class = Type(Publisher)
    displayhook_class = Type(Hook)

    def init_virtualenv(self):
        """Which Python it is has been decided."""

    def init_user_ns(self):
        super().init_user_ns()
        for name in ("exit", "quit"):  # those of builtins end the execution
            self.user_ns.pop(name, None)

    def enable_gui(self, gui=None):
        """Toolkits have their windows live by PyOS_InputHook."""

    def enable_matplotlib(self, gui=None):
        return super().enable_matplotlib("inline" if gui in (None, "auto") else gui)

    def system(self, cmd):
        """Call the given cmd in a shell; its exit status is in _exit_code."""
        command = self.var_expand(cmd, depth=1)
        self.user_ns["_exit_code"] = subprocess.call(command, shell=True, executable=SHELL)

    def getoutput(self, cmd, split=True, depth=0):
        """Get what a command prints, as a list of lines or as one text."""
        command = self.var_expand(cmd, depth=depth + 1)
        done = subprocess.run(
            command,
            shell=True,
            executable=SHELL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        self.user_ns["_exit_code"] = done.returncode
        return SList(done.stdout.splitlines()) if split else LSString(done.stdout)

    def run_line_magic(self, magic_name, line, _stack_depth=1):
        try:
            return super().run_line_magic(magic_name, line, _stack_depth + 1)
        except UsageError as error:
            raise error.with_traceback(None) from None

    def safe_execfile(self, fname, *where, raise_exceptions=False, **options):
        super().safe_execfile(fname, *where, raise_exceptions=True, **options)

    def showtraceback(self, exc_tuple=None, *args, **options):
        """What a magic's own code raises ends the execution, and so does any interrupt."""
        error = (exc_tuple or sys.exc_info())[1]
        caller = sys._getframe(1).f_globals.get("__name__", "")
        if isinstance(error, KeyboardInterrupt) or (error and caller.startswith(MAGICS)):
            raise error
        error = error or getattr(sys, "last_value", None)
        if error is None:
            raise UsageError("no exception has been raised")
        sys.stderr.write(wire.load("report")["report"](error, wire.sources["of"])[2])

    def showsyntaxerror(self, *args, **options):
        self.showtraceback()

    def set_next_input(self, s, replace=False):
        """There is no cell behind this one that could be given it."""
        print(s)


class Application(BaseIPythonApplication, InteractiveShellApp):
    """Its configuration: files of the profile, start-up files, extensions."""

    def init_crash_handler(self):
        pass

    def start_shell(self):
        self.config_files = CONFIGURATION
        self.initialize([])
        self.config.HistoryManager.enabled = False  # a file, and a thread that no snapshot has
        self.config.InteractiveShell.display_page = True
        self.shell = Shell.instance(
            parent=self,
            profile_dir=self.profile_dir,
            ipython_dir=self.ipython_dir,
            user_module=sys.modules["__main__"],
        )
        return self.shell


def start():
    global shell, ahead, inputs, recent, places, own_observers, own_transformations
    try:
        application = Application()
        shell = application.start_shell()
    except (OSError, SystemExit):  # its folder cannot be written
        Shell.clear_instance()
        application = Application(ipython_dir=tempfile.mkdtemp(prefix="ipython-"))
        shell = application.start_shell()
    history = shell.history_manager
    if hasattr(HistoryManager, "_instances"):
        HistoryManager._instances.discard(history)  # each fork would stop its thread; it has none
    shell.builtin_trap.auto_builtins = {"get_ipython": shell.get_ipython}
    shell.builtin_trap.__enter__()
    wire.builtins.update(clear_output=clear_output, update_display=update_display)
    wire.shell = shell
    for own in shell.events.callbacks.values():
        own.clear()  # of IPython's own display and warnings, which are ours
    shell.execution_count = 1
    # How far shell.execution_count is ahead of the execution's while it runs: 1 from version 9 on.
    ahead = 1 - shell.displayhook.prompt_count
    inputs = history.input_hist_parsed, history.input_hist_raw  # as Python, and as they were sent
    recent = place(history, "_i00", "_i", "_ii", "_iii")  # the last inputs, the newest first
    names = "execution_count", "last_execution_result", "last_execution_succeeded"
    places = {name: place(shell, name) for name in names}
    own_observers = (*observers(),)
    own_transformations = (*transformations(),)
    atoms.update((id(kind), (*as_text(kind),)) for kind in ATOMS)
    wire.shows_as_repr = shows_as_repr
    application.init_gui_pylab()
    application.init_extensions()
    application.init_code()
    wire.with_ipython = True


# ---- what has been registered -------------------------------------------------------------------
# IPython's own transformations leave Python as it is, and its formatters show an int as its repr;
# to find that out they write to hundreds of pages of memory, each of which is copied when a
# snapshot has it too. So they are asked only when something else than at the start is registered.
# wire.is_as_noted(notes) reads without counting references. A note says that a list has these very
# items; that a dict has those of another one; or that it has that very value, or none, for a key.

ATOMS = (int, bool, str, float, complex, bytes)
atoms = {}  # notes, by the id of the class, since a class need not be hashable


def place(owner, *names):
    """The dict where an object of traitlets stores these attributes."""
    for name in names:
        getattr(owner, name)  # which stores a default
    return owner._trait_values if names[0] in owner._trait_values else vars(owner)


def attribute(owner, name):
    """A note of its value."""
    return place(owner, name), name, getattr(owner, name)


def exactly(owner, name, value):
    """A note that does not hold where it has another value at the start."""
    where, name, found = attribute(owner, name)
    return where, name, found if found == value else ...


def observers():
    """Notes of who observes the shell."""
    by_name = shell._trait_notifiers
    yield by_name, dict(by_name)
    for by_kind in by_name.values():
        yield by_kind, dict(by_kind)
        for handlers in by_kind.values():
            yield handlers, (*handlers,)


def transformations():
    """Notes of what makes Python of code."""
    manager, prefilter = shell.input_transformer_manager, shell.prefilter_manager
    yield exactly(shell, "autocall", 0)
    for name in ("cleanup_transforms", "line_transforms", "token_transformers"):
        yield vars(manager), name, getattr(manager, name)
        yield getattr(manager, name), (*getattr(manager, name),)
    yield attribute(shell, "input_transformers_post")
    for each in (shell.input_transformers_post, prefilter.transformers, prefilter.checkers):
        yield each, (*each,)


def as_text(kind):
    """Notes of what shows values of this class."""
    display = shell.display_formatter
    yield attribute(shell, "display_formatter")
    for name in ("formatters", "ipython_display_formatter", "mimebundle_formatter"):
        yield attribute(display, name)
    yield display.formatters, dict(display.formatters)
    text = display.formatters[PLAIN]
    yield exactly(text, "float_format", "%r")
    others = display.ipython_display_formatter, display.mimebundle_formatter
    for formatter in (*display.formatters.values(), *others):
        for name in ("singleton_printers", "type_printers", "deferred_printers"):
            yield attribute(formatter, name)
        own = formatter is text
        yield formatter.singleton_printers, dict(formatter.singleton_printers) if own else {}
        for base in kind.mro():
            yield own_printer(text, base) if own else (formatter.type_printers, base)
            yield formatter.deferred_printers, (base.__module__, base.__name__)


def own_printer(text, kind):
    """A note that IPython's own function makes text of it, or none."""
    printer = text.type_printers.get(kind, as_text)
    if printer is as_text:
        return text.type_printers, kind
    by_ipython = str(getattr(printer, "__module__", None)).startswith("IPython.")
    return text.type_printers, kind, printer if by_ipython else ...


def shows_as_repr(value):
    """And as nothing else."""
    notes = atoms.get(id(type(value)))
    return notes is not None and wire.is_as_noted(notes)


# ---- around an execution ------------------------------------------------------------------------


def begin(code, count, silent, stores):
    """The code as Python; None when it is that already."""
    global now
    now = ExecutionResult(execution_info(code, stores, silent))
    if count is not None:
        now.execution_count = count
        set_count(count + ahead)
    python = transformed(code) if code.strip() else code
    trigger("pre_execute")
    if not silent:
        trigger("pre_run_cell", now.info)
        if shell.logger.log_active:
            shell.logger.log(python, code)
    if stores:
        store(python, code)
    return None if python in (code, code + "\n") else python


def trigger(event, *told):
    if shell.events.callbacks[event]:
        shell.events.trigger(event, *told)


def execution_info(code, stores, silent):
    try:
        return ExecutionInfo(code, stores, silent, True, None)
    except TypeError:  # before version 8
        return ExecutionInfo(code, stores, silent, True)


def transformed(code):
    global unsure
    unsure = False
    if wire.is_as_noted(own_transformations) and not has_prompt(code):
        if not is_command(code.strip()):
            unsure = not (MARKS.match(code) or shell.logger.log_active)
            if unsure or is_python(code):
                return code if code.endswith("\n") else code + "\n"
    return by_ipython(code)


def again(code):
    """What IPython makes of code that does not compile; None when that is the same."""
    global unsure
    if not unsure:
        return None
    unsure = False
    python = by_ipython(code)
    if now.info.store_history:
        inputs[0][-1] = python.rstrip("\n")
    return None if python in (code, code + "\n") else python


def by_ipython(code):
    """With the blank lines at its head, which IPython drops: what follows keeps its numbers."""
    head = code[: len(code) - len(code.lstrip())]
    return "\n" * head.count("\n") + shell.transform_cell(code)


def has_prompt(code):
    may_have = "In [" in code or ">>>" in code or "..." in code
    return may_have and PROMPT.search(code) is not None


def is_command(code):
    """Whether IPython may take a line that is Python for something else: `ls`, a macro. A name that
    the session or Python has is no magic, nor is one that is assigned to."""
    if len(code.splitlines()) != 1:
        return False
    word, assigns = FIRST_WORD.match(code).groups()
    head = word.partition(".")[0]
    space = shell.user_ns
    if isinstance(space.get(word), (Macro, IPyAutocall)):
        return True
    if assigns or not head.isidentifier() or head in space or is_known(head):
        return False
    return shell.find_magic(word) is not None


def is_known(name):
    return iskeyword(name) or hasattr(builtins, name)


def store(python, code):
    """In, and the last inputs by their names."""
    texts = python.rstrip("\n"), code.rstrip("\n")
    for each, text in zip(inputs, texts):
        each.extend([""] * (now.execution_count - len(each)))  # some have left none
        each.append(text)
    recent.update(
        _i00=texts[1], _i=recent["_i00"], _ii=recent["_i"], _iii=recent["_ii"]
    )
    names = {name: recent[name] for name in ("_i", "_ii", "_iii")}
    names[f"_i{now.execution_count}"] = texts[1]
    shell.user_ns.update(names)
    shell.user_ns_hidden.update(names)


def is_quiet():
    """Whether a semicolon says that the value is not to be shown."""
    if now is None or not now.info.store_history:
        return False
    return ";" in inputs[0][-1] and shell.displayhook.quiet()


def keep(value, count):
    """Of a value that is told: _, Out, _N."""
    set_count(count + ahead)
    if not keep_as_usual(value, count):
        shell.displayhook.update_user_ns(value)
    if now is not None:
        now.result = value


def keep_as_usual(value, count):
    """What update_user_ns() of IPython does in most cases, with fewer writes to memory. False, and
    nothing is done, in the others: a full cache, a `_` that the user has assigned."""
    space, hidden, hook = shell.user_ns, shell.user_ns_hidden, vars(shell.displayhook)
    out = space["_oh"]
    if value is out or not hook["do_full_cache"] or len(out) >= hook["cache_size"]:
        return False
    for name in ("_", "__", "___"):
        its_own = space.get(name) is hook[name] is hidden.get(name)
        if not its_own or name in vars(builtins):
            return False
    names = {"_": value, "__": hook["_"], "___": hook["__"]}
    hook.update(names)
    names[f"_{count}"] = out[count] = value
    space.update(names)
    hidden.update(names)
    return True


def set_count(count):
    if places["execution_count"]["execution_count"] != count:
        put("execution_count", count)


def put(name, value):
    """An attribute of the shell's. Unless somebody observes it, without traitlets, which write to 15
    to 40 pages of memory for that."""
    if wire.is_as_noted(own_observers):
        places[name][name] = value
    else:
        setattr(shell, name, value)


def finish(error, compiled):
    global now
    result, now = now, None
    if error is not None:
        setattr(result, "error_in_exec" if compiled else "error_before_exec", error)
        shell.InteractiveTB.tb = None  # %debug takes the last one
    put("last_execution_succeeded", error is None)
    put("last_execution_result", result)
    trigger("post_execute")
    if not result.info.silent:
        trigger("post_run_cell", result)
    if result.execution_count is not None:
        set_count(result.execution_count + 1)


def reset():
    """The namespace has been emptied, but for what it had before there was a shell."""
    before = dict(shell.user_ns)
    shell.reset(new_session=False)
    shell.user_ns.update(before)


SHELL = os.environ.get("SHELL")
shell = None
start()
