"""The interactive prompt and `replwire-transcript record`, in a terminal and piped."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from terminals import SOURCE, Tty, terminal

CLI = "replwire.cli"
PROMPT = r">>> "


def test_several_lines(tmp_path: Path) -> None:
    pytest.importorskip("prompt_toolkit")
    with terminal(CLI, cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        tty.type("def f(n):\r")
        tty.wait(r"\.\.\. ")
        tty.type("return n * 6\r\r")  # indented by itself; a blank line ends it
        tty.wait(PROMPT)
        tty.type("f(7)\r")
        tty.wait("\n42\r\n")
        tty.wait(PROMPT)
        tty.type("for n in range(2): n\r\r")
        tty.wait("\n0\r\n1\r\n")
        tty.wait(PROMPT)
        tty.type("\x04")
        assert tty.status() == 0


def test_editing_and_history(tmp_path: Path) -> None:
    pytest.importorskip("prompt_toolkit")
    with terminal(CLI, cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        tty.type("1 + 41\r")
        tty.wait("\n42\r\n")
        tty.wait(PROMPT)
        tty.type("\x1b[A\x7f0\r")  # the line before, its last character changed
        tty.wait("\n41\r\n")


def test_colour(tmp_path: Path) -> None:
    pytest.importorskip("prompt_toolkit")
    pytest.importorskip("pygments")
    with terminal(CLI, cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        tty.type("def f(): 1/0\r\r")
        tty.wait(PROMPT)
        tty.type("f()\r")
        tty.wait("ZeroDivisionError: division by zero")
        assert "\x1b[1;35mZeroDivisionError\x1b[0m: " in tty.shown
        before_def = tty.shown.partition("def")[0]
        assert before_def.rpartition("\x1b[")[2].startswith("0;38;5;28")  # a keyword's colour


@pytest.mark.parametrize("words", [["--color", "never"], []])
def test_no_colour(tmp_path: Path, words: list[str]) -> None:
    with terminal(CLI, *words, cwd=tmp_path, **({} if words else {"NO_COLOR": "1"})) as tty:
        tty.wait(PROMPT)
        tty.type("1/0\r")
        tty.wait("ZeroDivisionError: division by zero")
        assert not re.search("\x1b\\[[0-9;]*3[15]m", tty.shown)
        assert "\x1b[0;38" not in tty.shown


def test_completion(tmp_path: Path) -> None:
    pytest.importorskip("prompt_toolkit")
    with terminal(CLI, cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        tty.type("globals()['a_long' + '_name'] = 'completed'\r")
        tty.wait(PROMPT)
        tty.type("a_lo\t")
        tty.wait("ng_name")
        tty.type(".upp\t")
        tty.wait("er")
        tty.type("()\r")
        tty.wait("'COMPLETED'")


def test_ctrl_c(tmp_path: Path) -> None:
    with terminal(CLI, cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        tty.type("half a li\x03")
        tty.wait("KeyboardInterrupt")
        tty.wait(PROMPT)
        tty.type("x = 1; print('go'); exec('while True: x += 1')\r")
        tty.wait("\ngo\r\n")
        tty.type("\x03")
        tty.wait("KeyboardInterrupt")
        tty.wait(PROMPT)
        tty.type("x > 1\r")  # the session and what it holds are still there
        tty.wait("True")


def test_input_is_answered(tmp_path: Path) -> None:
    with terminal(CLI, cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        tty.type("name = input('Who are you? ')\r")
        tty.wait(r"\nWho are you\? ")
        tty.type("Ada\r")
        tty.wait(PROMPT)
        tty.type("name + '!'\r")
        tty.wait("'Ada!'")


@pytest.mark.parametrize(("typed", "status"), [("exit()", 0), ("exit(4)", 4)])
def test_exit(tmp_path: Path, typed: str, status: int) -> None:
    with terminal(CLI, cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        tty.type(f"{typed}\r")
        assert tty.status() == status


def test_a_session_that_dies(tmp_path: Path) -> None:
    with terminal(CLI, "--no-survive", cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        tty.type("import os; os.abort()\r")
        tty.wait("SIGABRT")
        assert tty.status() == 134


def test_a_crash_costs_one_execution(tmp_path: Path) -> None:
    with terminal(CLI, cwd=tmp_path) as tty:
        tty.wait("a crash costs one execution")
        tty.wait(PROMPT)
        tty.type("x = 42\r")
        tty.wait(PROMPT)
        tty.type("import os; os.abort()\r")
        tty.wait(r"crash \(SIGABRT\): the session is as it was before that\r\n")
        tty.wait(PROMPT)
        assert "Fatal Python error" not in tty.text
        tty.type("x\r")
        tty.wait("\n42\r\n")


def test_the_banner_says_which_python(tmp_path: Path) -> None:
    with terminal(CLI, cwd=tmp_path) as tty:
        tty.wait(r"^Python 3\.\d+\.\d+ in /.* \(/.*\), replwire \d.*\r\n.*:help .*\r\n")
        tty.wait(PROMPT)
        tty.type("import sys; print(sys.stdout.isatty(), sys.stdin.isatty())\r")
        tty.wait("\nTrue True\r\n")


def say(tty: Tty, line: str, pattern: str) -> None:
    tty.type(f"{line}\r")
    tty.wait(pattern)
    tty.wait(PROMPT)


def test_commands(tmp_path: Path) -> None:
    with terminal(CLI, cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        say(tty, "number = 1", "")
        say(tty, ":checkpoint one", r"checkpoint-\d+ keeps")
        say(tty, "number = 2", "")
        say(tty, ":vars num", r"\nnumber  int  2\r\n")
        say(tty, ":undo", "undo: the session is as it was before 1 execution\r\n")
        say(tty, "number", "\n1\r\n")
        say(tty, "number = 3", "")
        say(tty, ":checkpoints", r"checkpoint-\d+  one\r\n")
        say(tty, ":restore one", "restore: the session is as it was")
        say(tty, "number", "\n1\r\n")
        say(tty, ":restore nothing", "nothing")
        say(tty, ":time number + 41", r"\n42\r\n[\d.]+ (s|ms|µs)\r\n")
        say(tty, ":where", r"server \d+.*idle, [\d.]+ MiB\r\n")
        say(tty, ":python", r"\nPython 3\.\S+ in /")
        say(tty, ":help", r":undo \[N\]")
        say(tty, ":frobnicate", ":frobnicate is not known, :help")
        say(tty, "?len", r"\nlen\(obj, /\)")
        say(tty, "len?", r"\nlen\(obj, /\)")
        say(tty, "?nothing_such", "nothing_such is not known")
        say(tty, "%timeit 1", "magics and shell lines are IPython's")
        say(tty, "!ls", "magics and shell lines are IPython's")


def test_branches(tmp_path: Path) -> None:
    with terminal(CLI, cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        say(tty, "number = 1", "")
        say(tty, ":branch idea", "idea: branch-1, a copy of the session\r\n")
        say(tty, "number = 2", "")
        say(tty, ":sessions", r"\n  first  idle, .*\r\n\* branch-1  idea  idle, [\d.]+ MiB\r\n")
        say(tty, ":switch", "")
        say(tty, "number", "\n1\r\n")
        say(tty, ":switch idea", "")
        say(tty, "number", "\n2\r\n")
        say(tty, "import os; os.abort()", "crash .*: the session is as it was before that")
        say(tty, ":close", "")
        say(tty, "number", "\n1\r\n")
        say(tty, ":switch idea", "there is no session idea")
        say(tty, ":close", "this is the first session")


def test_undo_without_snapshots(tmp_path: Path) -> None:
    with terminal(CLI, "--no-survive", cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        say(tty, ":undo", "start without --no-survive")


def test_history_is_kept_between_starts(tmp_path: Path) -> None:
    pytest.importorskip("prompt_toolkit")
    for typed, shown in (("40 + 2\r", "\n42\r\n"), ("\x1b[A\r", "\n42\r\n"), ("\x1240\r\r", "42")):
        with terminal(CLI, cwd=tmp_path) as tty:
            tty.wait(PROMPT)
            tty.type(typed)
            tty.wait(shown)
    file = tmp_path / "state" / "replwire" / "history"
    assert file.stat().st_mode & 0o777 == 0o600


def test_threads_show_what_they_print_at_once(tmp_path: Path) -> None:
    pytest.importorskip("prompt_toolkit")
    with terminal(CLI, cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        say(tty, "import threading; go = threading.Event()", "")
        say(
            tty,
            "t = threading.Thread(target=lambda: go.wait() and print('la' + 'te')); t.start()",
            "",
        )
        tty.type("(go.set(), t.join(), threading.Timer(0.2, print, ['la' + 'ter']).start())\r")
        tty.wait("late\r\n")
        tty.wait("later\r\n")


def test_signatures(tmp_path: Path) -> None:
    pytest.importorskip("prompt_toolkit")
    with terminal(CLI, cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        say(tty, "def area(width, height=2): return width * height\r", "")
        tty.type("area(")
        tty.wait(r"area\(width, height=2\)")
        tty.type("1)\r")
        tty.wait("\n2\r\n")
        tty.type("len(")  # and the first line of what its documentation says
        tty.wait(r"len\(obj, /\)\s+Return the number of items in a container\.")


SHOWN = """\
print('a' + 'b' * 5); clear_output(); print('only this')
for n in range(3):
    clear_output(wait=True); print('step', n)
handle = display('first', display_id='x'); print('below')
handle.update('second')
class Picture:
    def _repr_png_(self): return bytes([137, 80, 78, 71])
display(Picture())
"""


def test_what_is_cleared_updated_and_drawn(tmp_path: Path) -> None:
    (tmp_path / "shown.py").write_text(SHOWN)
    with terminal(CLI, cwd=tmp_path, TMPDIR=str(tmp_path)) as tty:
        tty.wait(PROMPT)
        say(tty, "exec(open('shown.py').read())", "second")
        # One line up and everything below cleared, before each that takes the place of another.
        assert "abbbbb\r\n\r\x1b[1A\x1b[Jonly this" in tty.shown
        assert "step 1\r\n\r\x1b[1A\x1b[Jstep 2" in tty.shown
        assert "\x1b[J'second'\r\nbelow\r\n" in tty.shown.replace("step 2\r\n", "")
        assert re.search(rf"\[{tmp_path}/replwire-\w+/1\.png\]", tty.text)
    with terminal(CLI, cwd=tmp_path, TERM="xterm-kitty") as tty:
        tty.wait(PROMPT)
        say(tty, "exec(open('shown.py').read())", "below")
        assert "\x1b_Ga=T,f=100,m=0;iVBORw==\x1b\\" in tty.shown


PICTURE = """\
import base64, io
from PIL import Image
pixels = [((x * 8) % 256, (y * 16) % 256, 128) for y in range(15) for x in range(31)]
image = Image.new("RGB", (31, 15)); image.putdata(pixels)
file = io.BytesIO(); image.save(file, "png")
display({"image/png": base64.b64encode(file.getvalue()).decode()}, raw=True)
"""


def drawn_pixels(sixels: str) -> list[list[tuple[int, ...]]]:
    """As a terminal reads it: colours in percent, by rows."""
    raster = re.match(r'"\d+;\d+;(\d+);(\d+)', sixels)
    assert raster
    width, height = int(raster[1]), int(raster[2])
    colors: dict[int, tuple[int, ...]] = {}
    rows: list[list[tuple[int, ...]]] = [[()] * width for _ in range(height)]
    x = top = color = 0
    for found in re.finditer(r"#(\d+)((?:;\d+)*)|!(\d+)(.)|([$-])|([?-~])", sixels):
        number, definition, count, repeated, move, single = found.groups()
        if number:
            color = int(number)
            if definition:
                colors[color] = tuple(map(int, definition.split(";")[2:]))
        elif move:
            x, top = 0, top + 6 * (move == "-")
        else:
            bits = ord(repeated or single) - 63
            end = x + int(count or 1)
            for bit in range(6):
                if bits >> bit & 1:
                    rows[top + bit][x:end] = [colors[color]] * (end - x)
            x = end
    return rows


def test_sixels_where_the_terminal_knows_them(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    (tmp_path / "drawn.py").write_text(PICTURE)
    with terminal(CLI, cwd=tmp_path, TERM="xterm-256color", TERM_PROGRAM="") as tty:
        tty.attributes = "62;4;22"
        tty.wait(PROMPT)
        say(tty, "exec(open('drawn.py').read()); print('be' + 'low')", "below")
        found = re.search(r"\x1bPq(\"[^\x1b]*)\x1b\\", tty.shown)
        assert found, tty.shown
        rows = drawn_pixels(found[1])
        assert (len(rows), len(rows[0])) == (15, 31)
        for y, row in enumerate(rows):
            for x, shown in enumerate(row):
                wanted = (x * 8 % 256 / 2.55, y * 16 % 256 / 2.55, 128 / 2.55)
                assert all(abs(a - b) < 7 for a, b in zip(shown, wanted, strict=True)), (x, y)
    with terminal(CLI, cwd=tmp_path, TMPDIR=str(tmp_path), TERM_PROGRAM="") as tty:
        tty.attributes = "62;22"
        tty.wait(PROMPT)
        say(tty, "exec(open('drawn.py').read()); print('be' + 'low')", "below")
        assert re.search(rf"\[{tmp_path}/replwire-\w+/1\.png\]", tty.text)


def test_any_server_command(tmp_path: Path) -> None:
    server = f"env REALLY=1 {os.environ['REPLWIRE']}"
    with terminal(CLI, "--server", server, cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        tty.type("import os; os.environ['REALLY'] + '!'\r")
        tty.wait("'1!'")


def test_what_is_updated_at_rest_stands_above_the_prompt(tmp_path: Path) -> None:
    pytest.importorskip("prompt_toolkit")
    with terminal(CLI, cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        say(tty, "import threading; go = threading.Event()", "")
        say(
            tty,
            "def later(): go.wait(); h.update('the second'); clear_output(); print('behind')\r",
            "",
        )
        say(tty, "h = display('the first', display_id='x')", "the first")
        say(tty, "t = threading.Thread(target=later); t.start()", "")
        tty.type("threading.Timer(0.2, go.set).start()\r")
        tty.wait("'the second'\r\n")
        tty.wait("behind\r\n")
        tty.wait(PROMPT)
        assert "\x1b[J'the second'" not in tty.shown


# ---- without prompt_toolkit -------------------------------------------------------------------


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Where prompt_toolkit cannot be imported."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['prompt_toolkit'] = None\n")
    return tmp_path


def test_plain_lines(plain: Path) -> None:
    with terminal(CLI, cwd=plain, PYTHONPATH=f"{SOURCE}:{plain}") as tty:
        tty.wait(PROMPT)
        tty.type("def f(n):\r")
        tty.wait(r"\n\.\.\. ")
        tty.type("    return n * 6\r")
        tty.wait(r"\n\.\.\. ")
        tty.type("\r")
        tty.wait(PROMPT)
        tty.type("f(7)\r")
        tty.wait("42")
        tty.wait(PROMPT)
        tty.type("a_long_name = {'key': 1}\r")
        tty.wait(PROMPT)
        tty.type("a_lo\t.ke\t()\r")
        tty.wait(r"dict_keys\(\['key'\]\)")
        tty.wait(PROMPT)
        tty.type("half")
        tty.wait("half")
        tty.interrupt("KeyboardInterrupt")
        tty.wait(PROMPT)
        tty.type("while True: pass\r\r")
        tty.wait(r"\.\.\. \r\n")
        tty.interrupt("KeyboardInterrupt")
        tty.wait(PROMPT)
        tty.type("\x04")
        assert tty.status() == 0


# ---- record -----------------------------------------------------------------------------------


def replwire(*words: str, cwd: Path, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": SOURCE},
        input=given,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


PIPED = """\
# Greets.
name = input('Name: ')
Ada
f'Hello, {name}'

# Then errs.
def half(n):
    return n / 0

print('a\\n\\nb\\n< c'); half(1)
for n in range(2):
    n

print('''...''')
"""
RECORDED = """\
# Greets.

>>> name = input('Name: ')
Name:
< Ada
>>> f'Hello, {name}'
'Hello, Ada'

# Then errs.

>>> def half(n):
...     return n / 0
>>> print('a\\n\\nb\\n< c'); half(1)
a
<BLANKLINE>
b
/< c/
Traceback (most recent call last):
  ...
ZeroDivisionError: division by zero
>>> for n in range(2):
...     n
0
1
>>> print('''...''')
/\\.\\.\\./
"""


def test_piped_into_the_prompt(tmp_path: Path) -> None:
    told = replwire(CLI, cwd=tmp_path, given=PIPED)
    assert told.stdout == "Name: 'Hello, Ada'\na\n\nb\n< c\n0\n1\n...\n"
    assert "ZeroDivisionError" in told.stderr


def test_magics_where_the_session_has_them(tmp_path: Path) -> None:
    pytest.importorskip("IPython")

    def piped(*words: str) -> str:
        line = [sys.executable, "-m", CLI, *words]
        env = {**os.environ, "PYTHONPATH": SOURCE}
        return subprocess.check_output(
            line, cwd=tmp_path, env=env, input="%time 6 * 7\n", text=True
        )

    assert "magics and shell lines are IPython's" in piped()
    server = f"{os.environ['REPLWIRE']} --ipython"
    assert piped("--server", server, "--python", sys.executable).endswith("\n42\n")


def test_record_what_is_piped_in(tmp_path: Path) -> None:
    told = replwire("replwire.transcript", "record", "a.replwire", cwd=tmp_path, given=PIPED)
    assert told.returncode == 0
    assert (tmp_path / "a.replwire").read_text() == RECORDED
    again = replwire("replwire.transcript", "run", "a.replwire", cwd=tmp_path)
    assert (again.stdout, again.returncode) == ("", 0)


def test_record_writes_over_nothing(tmp_path: Path) -> None:
    words = ("replwire.transcript", "record", "a.replwire")
    (tmp_path / "a.replwire").write_text("mine")
    told = replwire(*words, cwd=tmp_path, given="1\n")
    assert (told.returncode, "a.replwire" in told.stderr) == (2, True)
    assert (tmp_path / "a.replwire").read_text() == "mine"
    assert replwire(*words, "--force", cwd=tmp_path, given="1\n").returncode == 0
    assert (tmp_path / "a.replwire").read_text() == ">>> 1\n1\n"


def test_record_at_the_terminal(tmp_path: Path) -> None:
    with terminal("replwire.transcript", "record", "a.replwire", cwd=tmp_path) as tty:
        tty.wait(PROMPT)
        tty.type("name = input('Name: ')\r")
        tty.wait("\nName: ")
        tty.type("Ada\r")
        tty.wait(PROMPT)
        tty.type("input('? ')\r")
        tty.wait(r"\n\? ")
        tty.type("\x04")
        tty.wait("EOFError")
        tty.wait(PROMPT)
        tty.type("import getpass; len(getpass.getpass())\r")
        tty.wait("Password: ")
        tty.type("hidden\r")
        tty.wait("6")
        tty.wait(PROMPT)
        tty.type("exit()\r")
        assert tty.status() == 0
    written = (tmp_path / "a.replwire").read_text()
    assert written == (
        ">>> name = input('Name: ')\nName:\n< Ada\n>>> input('? ')\n?\n<^D\n"
        "Traceback (most recent call last):\n  ...\nEOFError: EOF when reading a line\n"
        ">>> import getpass; len(getpass.getpass())\nPassword:\n< (password)\n6\n"
    )


def test_what_is_typed_while_the_editor_loads_is_not_lost(tmp_path: Path) -> None:
    pytest.importorskip("prompt_toolkit")
    late = tmp_path / "late" / "prompt_toolkit"
    late.mkdir(parents=True)
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    (late / "__init__.py").write_text(
        "import sys, importlib\n"
        f"open({str(gate)!r}).read()\n"
        f"sys.path = [each for each in sys.path if each != {str(late.parent)!r}]\n"
        "del sys.modules['prompt_toolkit']\n"
        "sys.modules['prompt_toolkit'] = importlib.import_module('prompt_toolkit')\n"
    )
    path = f"{late.parent}{os.pathsep}{SOURCE}"
    with terminal(CLI, cwd=tmp_path, PYTHONPATH=path) as tty:
        tty.wait(PROMPT)
        tty.type("'typed ' + 'early'\r")
        gate.write_text("")  # the import goes on
        tty.wait("'typed early'")
        tty.wait(PROMPT)
        tty.type("input('Name? ')\r")
        tty.wait(r"\nName\? ")
        tty.type("echoed\r")
        tty.wait("echoed\r\n")  # the terminal is as it was
        tty.wait("'echoed'")
