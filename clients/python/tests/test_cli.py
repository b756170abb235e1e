"""replwire-cli exec and run, in pipes and in a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from terminals import SOURCE, terminal


def cli(*words: object, cwd: Path, given: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "replwire.cli", *map(str, words)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": SOURCE, **env},
        input=given,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def run(tmp_path: Path, code: str, *args: str, given: str = "") -> subprocess.CompletedProcess[str]:
    (tmp_path / "file.py").write_text(code)
    return cli("run", "file.py", *args, cwd=tmp_path, given=given)


# ---- exec -------------------------------------------------------------------------------------


def test_exec(tmp_path: Path) -> None:
    told = cli(
        "exec", "import sys\nprint('out')\nprint('err', file=sys.stderr)\n6 * 7", cwd=tmp_path
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, "out\n42\n", "err\n")


def test_exec_asks(tmp_path: Path) -> None:
    told = cli("exec", "f'Hello, {input(\"Who? \")}'", cwd=tmp_path, given="Ada\n")
    assert told.stdout == "Who? 'Hello, Ada'\n"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("1", 0),
        ("1/0", 1),
        ("x =", 1),
        ("exit()", 0),
        ("exit(3)", 3),
        ("exit('said')", 1),
        ("import os; os._exit(5)", 5),
        ("import os; os.abort()", 134),
        ("raise KeyboardInterrupt", 130),
        ("input()", 1),
    ],
)
def test_exit_status_of_the_code(tmp_path: Path, code: str, status: int) -> None:
    assert cli("exec", code, cwd=tmp_path).returncode == status
    assert run(tmp_path, code).returncode == status


# ---- run --------------------------------------------------------------------------------------


def test_run_is_like_python(tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text("there = True\n")
    code = (
        "import sys, neighbour, threading\nif __name__ == '__main__':\n"
        "    print(sys.argv, __file__, sys.path[0], sorted(n for n in globals() if n[0] != '_'))\n"
        "42\nthreading.Timer(0.05, print, ['from a thread']).start()\n"
    )
    told = run(tmp_path, code, "a", "--flag")
    python = subprocess.run(
        [sys.executable, "file.py", "a", "--flag"],
        cwd=tmp_path, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert (told.stdout, told.stderr, told.returncode) == (python.stdout, "", 0)


TOOLS = """
from os.path import join
def greet(name, mark="!"): return f"Hello, {name}{mark}"
async def later(): return "later"
def _hidden(): pass
"""


def test_functions_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text(TOOLS)
    code = "import host, sys\nprint(dir(host), sys.argv[1:], host.greet('Ada'), await host.later())"
    for words in (("run", "file.py", "--functions", "tools.py", "x"),
                  ("--functions", "tools.py", "file.py", "x")):  # fmt: skip
        (tmp_path / "file.py").write_text(code)
        told = cli(*words, cwd=tmp_path)
        assert told.stdout == "['CallError', 'greet', 'later'] ['x'] Hello, Ada! later\n", (
            told.stderr
        )
    (tmp_path / "tools.py").write_text("1/0")
    told = cli("--functions", "tools.py", "exec", "1", cwd=tmp_path)
    assert (told.returncode, told.stderr) == (
        2,
        "replwire-cli: tools.py: ZeroDivisionError: division by zero\n",
    )


def test_run_waits_for_no_idle_executor(tmp_path: Path) -> None:
    code = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "executor = ThreadPoolExecutor()\nexecutor.submit(print, 'done').result()\n"
    )
    assert run(tmp_path, code).stdout == "done\n"


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "replwire.cli", "exec", "input('\\0\\u20ac')"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": SOURCE, "PYTHONIOENCODING": "ascii:strict"},
        input=b"\xff\n",
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert told.stdout == b"\\u20ac'\\ufffd'\n"


def test_run_answers_from_standard_input(tmp_path: Path) -> None:
    code = (
        "import sys\nprint(input('a '), sys.stdin.readline())\nfor line in sys.stdin: print(line)"
    )
    told = run(tmp_path, code, given="1\n2\n3\n4\n")
    assert (told.stdout, told.returncode) == ("a 1 2\n\n3\n\n4\n\n", 0)


def test_run_traceback(tmp_path: Path) -> None:
    told = run(tmp_path, "print('before')\ndef f():\n    1/0\nf()\n")
    assert told.stdout == "before\n"
    head = f'Traceback (most recent call last):\n  File "{tmp_path}/file.py", line 4, in <module>\n'
    assert told.stderr.startswith(head)
    assert told.stderr.endswith("    1/0\n    ~^~\nZeroDivisionError: division by zero\n")


def test_exit_with_words(tmp_path: Path) -> None:
    told = run(tmp_path, "import sys\nsys.exit('no such thing')")
    assert (told.stderr, told.returncode) == ("no such thing\n", 1)


def test_a_session_that_dies(tmp_path: Path) -> None:
    told = run(tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
    assert told.returncode == 139
    assert "SIGSEGV" in told.stderr


def test_encodings(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_bytes(b"# coding: latin-1\nprint(ascii('\xe9'), '\\u20ac')\n")
    told = cli("run", "file.py", cwd=tmp_path, PYTHONIOENCODING="latin-1")
    assert told.stdout == "'\\xe9' \\u20ac\n"


def test_a_reader_that_leaves(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text("while True: print('x' * 1000)")
    with subprocess.Popen(
        [sys.executable, "-m", "replwire.cli", "run", "file.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": SOURCE},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.read(10)
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(20) == 141


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "none.py"], "none.py"),
        (["run"], "FILE.py"),
        (["exec"], "CODE"),
        (["play"], "play"),
        (["--color", "red"], "red"),
        (["--xyzzy"], "--xyzzy: no such option\n"),
        (["--colour", "never"], "--colour: no such option; did you mean --color?"),
        (["--server", "/no/such/server", "exec", "1"], "/no/such/server"),
        (["--python", "/no/such/python", "exec", "1"], "/no/such/python"),
    ],
)
def test_wrong_usage(tmp_path: Path, words: list[str], said: str) -> None:
    told = cli(*words, cwd=tmp_path)
    assert told.returncode == 2
    assert said in told.stderr
    assert told.stderr.startswith("replwire-cli: ")
    assert "Traceback" not in told.stderr


def test_help(tmp_path: Path) -> None:
    told = cli("--help", cwd=tmp_path)
    assert told.returncode == 0
    assert all(word in told.stdout for word in ("exec", "run", "prompt", "--server", "--python"))


def test_another_server(tmp_path: Path) -> None:
    server = f"env REALLY='a b' {os.environ['REPLWIRE']}"
    told = cli("--server", server, "exec", "import os\nos.environ['REALLY']", cwd=tmp_path)
    assert told.stdout == "'a b'\n"


# ---- as python3 -------------------------------------------------------------------------------

AS_PYTHON = "import sys; print(__name__, sys.argv, sys.path[0], [n for n in dir() if n[0] != '_'])"


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (["-c", AS_PYTHON, "a", "--flag", "-c"], ""),
        (["-", "ignored"], AS_PYTHON),
        (["-m", "mod", "a", "--flag"], ""),
        (["-m", "pack"], ""),
        (["folder", "a"], ""),
        (["archive.zip", "a"], ""),
        (["mod.py", "--version"], ""),
        (["-c", "import sys; sys.exit(7)"], ""),
        (["-c", "print(input(), input())"], "1\n2\n"),
        (["-m", "no_such_module"], ""),
    ],
)
def test_as_python(tmp_path: Path, words: list[str], given: str) -> None:
    (tmp_path / "mod.py").write_text(AS_PYTHON)
    for folder in ("folder", "pack"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__main__.py").write_text(AS_PYTHON)
    (tmp_path / "pack" / "__init__.py").write_text("")
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("__main__.py", AS_PYTHON)
    python = subprocess.run(
        ["/usr/bin/python3", *[w for w in words if w != "ignored"]],
        cwd=tmp_path, input=given, check=False, capture_output=True, text=True,
    )  # fmt: skip
    told = cli(*words, cwd=tmp_path, given=given)
    assert (told.stdout, told.stderr, told.returncode) == (
        python.stdout,
        python.stderr,
        python.returncode,
    )


def test_a_traceback_of_code(tmp_path: Path) -> None:
    told = cli("-c", "1/0", cwd=tmp_path)
    assert (told.stdout, told.returncode) == ("", 1)
    assert told.stderr.startswith("Traceback (most recent call last):\n")
    assert told.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_a_terminal_is_one_for_the_program_too(tmp_path: Path) -> None:
    code = (
        "import sys, shutil; print([s.isatty() for s in (sys.stdin, sys.stdout, sys.stderr)])\n"
        "print(shutil.get_terminal_size().columns)"
    )
    with terminal("replwire.cli", "-c", code, cwd=tmp_path, COLUMNS="77") as tty:
        tty.wait(r"\[True, True, True\]\r\n77\r\n")
        assert tty.status() == 0
    told = cli("-c", code, cwd=tmp_path)
    assert told.stdout.startswith("[False, False, False]\n")


def test_the_surroundings_name_the_python(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    make = ["/usr/bin/python3", "-m", "venv", "--without-pip", str(venv)]
    subprocess.run(make, check=True)
    told = cli("-c", "import sys; print(sys.prefix)", cwd=tmp_path, VIRTUAL_ENV=str(venv))
    assert told.stdout == f"{venv}\n"
    venv.rename(tmp_path / ".venv")
    (tmp_path / "below").mkdir()
    told = cli("-c", "import sys; print(sys.prefix)", cwd=tmp_path / "below")
    assert told.stdout == f"{tmp_path / '.venv'}\n"


def test_version(tmp_path: Path) -> None:
    version = subprocess.check_output([os.environ["REPLWIRE"], "--version"], text=True).split()[1]
    assert cli("--version", cwd=tmp_path).stdout == f"replwire-cli {version}\n"
    told = subprocess.run(
        [sys.executable, "-m", "replwire.transcript", "--version"],
        env={**os.environ, "PYTHONPATH": SOURCE}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert told.stdout == f"replwire-transcript {version}\n"


# ---- in a terminal ----------------------------------------------------------------------------


def test_run_in_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text(
        "import getpass\nprint('as it comes', end='')\nname = input('Name: ')\n"
        "print(len(getpass.getpass('Secret: ')))\n"
        "try:\n    print('loop')\n    while True: pass\nexcept KeyboardInterrupt:\n"
        "    print('stopped')\nimport sys\nsys.exit(3)\n"
    )
    with terminal("replwire.cli", "run", "file.py", cwd=tmp_path) as tty:
        tty.wait("as it comesName: ")
        tty.type("Ada\r")
        tty.wait("Secret: ")
        tty.type("hidden\r")
        tty.wait("6\r\n")
        tty.wait("loop\r\n")
        tty.type("\x03")
        tty.wait("stopped\r\n")
        assert tty.status() == 3
        assert "hidden" not in tty.text


def test_ctrl_c_is_one_interrupt(tmp_path: Path) -> None:
    """The terminal signals all of its processes; the server must hear of it by the wire alone."""
    (tmp_path / "file.py").write_text(
        "import time\nfor n in range(2):\n    try:\n        print('loop', n)\n"
        "        while True: pass\n    except KeyboardInterrupt:\n"
        "        time.sleep(0.3)\n        print('cleaned up', n)\n"
    )
    with terminal("replwire.cli", "run", "file.py", cwd=tmp_path) as tty:
        for n in range(2):
            tty.wait(f"loop {n}\r\n")
            tty.type("\x03")
            tty.wait(f"cleaned up {n}\r\n")
        assert tty.status() == 0


def test_ctrl_c_ends_code_that_does_not_catch_it(tmp_path: Path) -> None:
    with terminal("replwire.cli", "exec", "print('go')\nwhile True: pass", cwd=tmp_path) as tty:
        tty.wait("go\r\n")
        tty.type("\x03")
        tty.wait("KeyboardInterrupt")
        assert tty.status() == 130


def test_ctrl_c_and_ctrl_d_at_a_question(tmp_path: Path) -> None:
    code = "for n in range(2):\n  try: input('? ')\n  except BaseException as e: print(repr(e))"
    with terminal("replwire.cli", "exec", code, cwd=tmp_path) as tty:
        tty.wait(r"\? ")
        tty.interrupt(r"KeyboardInterrupt\(\)")
        tty.wait(r"\? ")
        tty.type("\x04")
        tty.wait("EOFError")
        assert tty.status() == 0
