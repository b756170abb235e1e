"""Recordings: what the server writes down, and the transcript of it."""

from __future__ import annotations

import json
import os
import shlex
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from replwire import sync
from replwire.errors import SessionDied
from replwire.process import find_server
from replwire.transcript.__main__ import main


def entries(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def of_type(path: Path, kind: str) -> list[dict[str, Any]]:
    return [each["frame"] for each in entries(path) if each.get("frame", {}).get("type") == kind]


def recording(path: Path, *more: str, **options: Any) -> sync.Session:
    return sync.Session(args=["--record", str(path), *more], **options)


@pytest.mark.parametrize("more", [(), ("--survive",)])
def test_every_frame_of_both_directions_is_there(tmp_path: Path, more: tuple[str, ...]) -> None:
    path = tmp_path / "session.jsonl"
    seen: list[tuple[str, Any]] = []

    def trace(direction: str, line: bytes) -> None:
        seen.append((direction, json.loads(line)))

    with recording(path, *more, trace=trace) as session:
        session.execute("for n in range(3): print(n)")
        session.execute("input('Name? ')", on_input=["Ada"])
    told = entries(path)
    assert [(each["dir"], each["frame"]) for each in told] == seen
    assert [each["t"] for each in told] == sorted(each["t"] for each in told)
    assert 0 <= told[0]["t"] < 60
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_lines_that_are_no_json_are_text(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    lines = b'{"type": "exe\n[1]\n\xff\n{"type":"execute","code":"1"}\n'
    subprocess.run(
        [*find_server(), "--record", str(path)], input=lines, capture_output=True, check=True
    )
    came = [each for each in entries(path) if each["dir"] == ">"]
    assert [each.get("text") for each in came] == ['{"type": "exe', None, "\ufffd", None]
    assert came[1]["frame"] == [1]
    assert came[3]["frame"]["code"] == "1"


def test_passwords_are_masked(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    code = "import getpass\n[getpass.getpass(), input()]"
    with recording(path) as session:
        assert session.execute(code, on_input=["hunter2", "plain"]).value == ["hunter2", "plain"]
    answers = [each["data"] for each in of_type(path, "input_response")]
    assert answers == ["(password)", "plain"]
    with path.open() as text:
        assert not any("hunter2" in line and "input_response" in line for line in text)


def test_it_is_complete_when_the_process_dies(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    with recording(path) as session, pytest.raises(SessionDied):
        session.execute("import os\nprint('so far', flush=True)\nos.abort()")
    [fatal] = of_type(path, "fatal")
    assert fatal["signal"] == "SIGABRT"
    assert [each["data"] for each in of_type(path, "output")] == ["so far\n"]
    with recording(path) as session, pytest.raises(SessionDied):
        session.execute("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    assert len(of_type(path, "execute")) == 1


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    done = subprocess.run(
        [*find_server(), "--record", str(tmp_path / "no" / "file")],
        input="",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == f"replwire: --record: cannot write to {tmp_path}/no/file\n"
    assert done.stdout == ""


# ---- transcripts ------------------------------------------------------------------------------

WANTED = """>>> import getpass
>>> name = input('Name? ')
... print('Hello,', name)
Name?
< Ada
Hello, Ada

# Comments stay.

>>> 6 * 7
42
>>> [input(), getpass.getpass('Secret: ')]
< x
Secret:
< (password)
['x', 'hunter2']
>>> input('More? ')
More?
<^D
Traceback (most recent call last):
  ...
EOFError: EOF when reading a line

# undo {"count": 1}

"""


def test_a_recording_becomes_a_transcript(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "session.jsonl"
    with recording(path, "--survive") as session:
        session.execute("import getpass")
        session.execute("name = input('Name? ')\nprint('Hello,', name)", on_input=["Ada"])
        session.execute("# Comments stay.")
        session.execute("6 * 7")
        session.execute("[input(), getpass.getpass('Secret: ')]", on_input=["x", "hunter2"])
        session.execute("input('More? ')", on_input=lambda _: _end(), check=False)
        session.undo(1)
    assert main(["from", str(path)]) == 0
    text = capsys.readouterr().out
    assert text == WANTED


def _end() -> str:
    raise EOFError


def test_the_transcript_plays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "session.jsonl"
    lines = [
        {"type": "execute", "code": "n = int(input('n? '))"},
        {"type": "input_response", "data": "41"},
        {"type": "execute", "code": "n + 1"},
        {"type": "execute", "code": "1 / 0"},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    command = [*find_server(), "--record", str(path)]
    subprocess.run(command, input=text, text=True, capture_output=True, check=True)
    main(["from", str(path)])
    made = tmp_path / "made.replwire"
    made.write_text(capsys.readouterr().out)
    assert main(["run", str(made), "--server", shlex.join(find_server())]) in (0, 1)
    assert "n + 1\n42\n" in made.read_text()


def test_what_was_refused_has_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "session.jsonl"
    lines = [
        (">", {"type": "execute", "id": [1], "code": "print('never')"}),
        (">", {"type": "execute", "id": "a", "code": "print('refused')"}),
        ("<", {"type": "protocol_error", "code": "duplicate_id", "id": "a", "message": "",
               "line": 2}),
        (">", {"type": "execute", "id": "b", "code": "1 + 1"}),
        ("<", {"type": "result", "execution_id": "b", "execution_count": 1, "repr": "2",
               "value": 2, "execution_time": 0.0}),
    ]  # fmt: skip
    path.write_text("".join(
        json.dumps({"t": 0.0, "dir": way, "frame": frame}) + "\n" for way, frame in lines
    ))  # fmt: skip
    assert main(["from", str(path)]) == 0
    text = capsys.readouterr().out
    assert "refused" not in text
    assert "never" not in text
    assert ">>> 1 + 1\n2\n" in text


def test_what_is_no_recording_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello\n")
    assert main(["from", str(path)]) == 2
    assert "line 1: not of a recording" in capsys.readouterr().err
    assert main(["from", str(tmp_path / "none")]) == 2


def test_a_recording_that_was_cut_off_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    program = (
        "import sys\nfrom replwire import sync\n"
        "s = sync.Session(args=['--record', sys.argv[1]]).start()\n"
        "s.execute('1 + 1')\nprint(s.ready.pid, flush=True)\ninput()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(sync.__file__).parents[1])},
    )
    assert process.stdout is not None
    os.kill(int(process.stdout.readline()), signal.SIGKILL)
    process.communicate("\n")
    path.write_text(path.read_text() + '{"t": 1, "di')
    done = subprocess.run(
        [sys.executable, "-m", "replwire.transcript", "from", str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(sync.__file__).parents[1])},
    )
    assert done.stdout.startswith(">>> 1 + 1\n2\n")
