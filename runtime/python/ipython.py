"""IPython, with --ipython: a shell of its own in the session's namespace. It turns what is sent into
Python and is told how that ended, so that magics, In and Out, hooks and display formatters are
IPython's. Code still runs, prints, asks, awaits, is interrupted and fails as in any session."""

import os
import re
import subprocess
import sys
import tempfile
import threading

wire.with_ipython = True  # before the import: its display() stays its own

from IPython.core.application import BaseIPythonApplication
from IPython.core.autocall import IPyAutocall
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.error import UsageError
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
FIRST_WORD = re.compile(r"[\w.*]*")  # as IPython's prefilter takes it
is_python = wire.load("quiet")["is_python"]
now = None  # the execution in hand, as hooks are told of it


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


class Flag(threading.Event):
    """IPython sets it to wake the thread that saves its history. There is no such thread here, and an
    interrupt inside set() would leave the event's lock held: the next execution would block."""

    def set(self):
        pass


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
    global shell, own_transformations
    try:
        application = Application()
        shell = application.start_shell()
    except (OSError, SystemExit):  # its folder cannot be written
        Shell.clear_instance()
        application = Application(ipython_dir=tempfile.mkdtemp(prefix="ipython-"))
        shell = application.start_shell()
    if getattr(shell.history_manager, "save_flag", None) is not None:
        shell.history_manager.save_flag = Flag()
    shell.builtin_trap.auto_builtins = {"get_ipython": shell.get_ipython}
    shell.builtin_trap.__enter__()
    wire.builtins.update(clear_output=clear_output, update_display=update_display)
    wire.shell = shell
    own_transformations = transformations()
    wire.shows_as_repr = Atoms(shell).include
    application.init_gui_pylab()
    application.init_extensions()
    application.init_code()


class Atoms:
    """Values that show as their repr and as nothing else, unless somebody has registered more:
    IPython's formatters write to some 200 pages of memory to find that out."""

    # By the class's id, since a class need not be hashable: what it is by its own name and bases.
    KINDS = {id(kind): kind.mro() for kind in (int, bool, str, float, complex, bytes)}
    NAMES = {id: [(each.__module__, each.__name__) for each in mro] for id, mro in KINDS.items()}

    def __init__(self, shell):
        self.shell = shell
        self.formatter = shell.display_formatter
        self.text = self.formatter.formatters[PLAIN]
        self.singletons = {**self.text.singleton_printers}
        self.known = {kind: self.registered(kind) for kind in self.KINDS}

    def registered(self, kind):
        """For text."""
        printers = self.text.type_printers
        return [printers.get(each) for each in self.KINDS[kind]]

    def include(self, value):
        kind = id(type(value))
        if kind not in self.KINDS or self.shell.display_formatter is not self.formatter:
            return False
        try:
            return self.is_as_it_was(kind)
        except Exception:  # a formatter is any callable
            return False

    def is_as_it_was(self, kind):
        formatters = self.formatter.formatters
        others = self.formatter.ipython_display_formatter, self.formatter.mimebundle_formatter
        return (
            formatters.get(PLAIN) is self.text
            and self.text.float_format == "%r"
            and self.registered(kind) == self.known[kind]
            and self.text.singleton_printers == self.singletons
            and not any(self.says_more(each, kind) for each in formatters.values())
            and not any(self.says_more(each, kind) for each in others)
        )

    def says_more(self, formatter, kind):
        if not formatter.deferred_printers.keys().isdisjoint(self.NAMES[kind]):
            return True
        if formatter is self.text:
            return False
        printers = formatter.type_printers.keys()
        return bool(formatter.singleton_printers) or not printers.isdisjoint(self.KINDS[kind])


# ---- around an execution ------------------------------------------------------------------------


def begin(code, count, silent, stores):
    """The code as Python; None when it is that already."""
    global now
    now = ExecutionResult(execution_info(code, stores, silent))
    if count is not None:
        shell.execution_count = now.execution_count = count
    python = transformed(code) if code.strip() else code
    shell.events.trigger("pre_execute")
    if not silent:
        shell.events.trigger("pre_run_cell", now.info)
        shell.logger.log(python, code)
    if stores:
        store(python, code)
    shell.displayhook.exec_result = now
    return None if python in (code, code + "\n") else python


def execution_info(code, stores, silent):
    try:
        return ExecutionInfo(code, stores, silent, True, None)
    except TypeError:  # before version 8
        return ExecutionInfo(code, stores, silent, True)


def transformed(code):
    """With the blank lines at its head, which IPython drops: what follows keeps its numbers. Its own
    transformations leave Python as it is; they write to some 200 pages of memory, each of which is
    copied when a snapshot has it too."""
    if transformations() == own_transformations and not PROMPT.search(code) and is_python(code):
        if not is_command(code.strip()):
            return code if code.endswith("\n") else code + "\n"
    head = code[: len(code) - len(code.lstrip())]
    return "\n" * head.count("\n") + shell.transform_cell(code)


def transformations():
    manager, prefilter = shell.input_transformer_manager, shell.prefilter_manager
    found = manager.cleanup_transforms, manager.line_transforms, manager.token_transformers
    found += shell.input_transformers_post, prefilter.transformers, prefilter.checkers
    return [[*each] for each in found]


def is_command(code):
    """Whether IPython may take a line that is Python for something else: `ls`, a macro."""
    if len(code.splitlines()) != 1:
        return False
    word = FIRST_WORD.match(code)[0]
    if shell.autocall or isinstance(shell.user_ns.get(word), (Macro, IPyAutocall)):
        return True
    return bool(word) and shell.find_magic(word) is not None


def store(python, code):
    history = shell.history_manager
    for texts in (history.input_hist_parsed, history.input_hist_raw):
        texts.extend([""] * (shell.execution_count - len(texts)))  # some have left none
    history.store_inputs(shell.execution_count, python, code)


def is_quiet():
    """Whether a semicolon says that the value is not to be shown."""
    if now is None or not now.info.store_history:
        return False
    return ";" in shell.history_manager.input_hist_parsed[-1] and shell.displayhook.quiet()


def keep(value, count):
    """Of a value that is told: _, Out, _N."""
    hook = shell.displayhook
    shell.execution_count = count
    shell.execution_count += count - hook.prompt_count  # from version 9 on it is one ahead while code runs
    hook.update_user_ns(value)
    hook.fill_exec_result(value)
    shell.execution_count = count


def finish(error, compiled):
    global now
    result, now = now, None
    if error is not None:
        setattr(result, "error_in_exec" if compiled else "error_before_exec", error)
        shell.InteractiveTB.tb = None  # %debug takes the last one
    shell.last_execution_succeeded = error is None
    shell.last_execution_result = result
    shell.displayhook.exec_result = None
    shell.events.trigger("post_execute")
    if not result.info.silent:
        shell.events.trigger("post_run_cell", result)
    if result.execution_count is not None:
        shell.history_manager.store_output(result.execution_count)
        shell.execution_count = result.execution_count + 1


def reset():
    """The namespace has been emptied, but for what it had before there was a shell."""
    before = dict(shell.user_ns)
    shell.reset(new_session=False)
    shell.user_ns.update(before)


SHELL = os.environ.get("SHELL")
shell = None
start()
