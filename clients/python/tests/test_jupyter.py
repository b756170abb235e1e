"""The Jupyter kernel, by a client of Jupyter's own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket as system
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("zmq", reason="pyzmq is not installed")
pytest.importorskip("jupyter_client", reason="jupyter_client is not installed")

import zmq
from kernels import SOURCE, Kernel, kernel

from replwire import frames
from replwire.jupyter.front import Front
from replwire.jupyter.listening import NAMES, listen
from replwire.jupyter.magics import split
from replwire.jupyter.messages import BadMessage, Codec
from replwire.jupyter.sockets import Connection
from replwire.jupyter.stdin import Questions

ESCAPES = re.compile("\x1b\\[[0-9;]*m")


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    with kernel(state=tmp_path_factory.mktemp("state")) as made:
        yield made


@pytest.fixture
def shared(living: Kernel) -> Iterator[Kernel]:
    yield living
    for _ in range(2):  # a test that failed leaves nothing running
        living.ask("interrupt_request", "control")  # answered before the next one begins


# ---- messages -----------------------------------------------------------------------------------


def test_what_is_signed_otherwise_is_no_message() -> None:
    ours, other = Codec(b"key"), Codec(b"another")
    parts = [b"identity", *ours.encode("status", {"text": "é\ud800"}, {})]
    message = Codec(b"key").decode(parts)
    assert (message.type, message.identities) == ("status", [b"identity"])
    assert message.content == {"text": "é\ud800"}
    with pytest.raises(BadMessage, match="signature"):
        other.decode(parts)
    again = Codec(b"key")
    again.decode(parts)
    with pytest.raises(BadMessage, match="before"):
        again.decode(parts)
    assert Codec(b"").decode(Codec(b"").encode("status", {}, {})).type == "status"


@pytest.mark.parametrize("scheme", ["hmac-sha256", "hmac-sha512"])
def test_buffers_come_as_they_are(scheme: str) -> None:
    parts = Codec(b"k", scheme).encode("comm_msg", {}, {}, None, [b"\x00\xff", b""])
    assert Codec(b"k", scheme).decode(parts).buffers == [b"\x00\xff", b""]


@pytest.mark.parametrize(
    "parts", [[], [b"<IDS|MSG>"], [b"<IDS|MSG>", b"", b"1", b"{}", b"{}", b"{}"]]
)
def test_what_is_no_message(parts: list[bytes]) -> None:
    with pytest.raises(BadMessage):
        Codec(b"").decode(parts)


def test_a_bad_signature_costs_nothing(shared: Kernel) -> None:
    context = zmq.Context.instance()
    socket = context.socket(zmq.DEALER)
    socket.connect(f"tcp://127.0.0.1:{shared.manager.shell_port}")
    socket.send_multipart(Codec(b"wrong").encode("kernel_info_request", {}, {}))
    socket.send_multipart([b"rubbish"])
    assert shared.run("1 + 1").value == "2"
    assert not socket.poll(0)
    socket.close(0)


def test_user_expressions(shared: Kernel) -> None:
    wanted = {"fine": "6 * 7", "wrong": "1 / 0"}
    told = shared.run("pass", user_expressions=wanted).reply["user_expressions"]
    assert told["fine"]["data"]["text/plain"] == "42"
    assert (told["wrong"]["status"], told["wrong"]["ename"]) == ("error", "ZeroDivisionError")
    for odd in ("text", ["6 * 7"], 5, None):
        assert shared.run("1", user_expressions=odd).value == "1"


# ---- requests -----------------------------------------------------------------------------------


def test_kernel_info(shared: Kernel) -> None:
    told = shared.ask("kernel_info_request")
    assert (told["status"], told["protocol_version"], told["implementation"]) == (
        "ok",
        "5.4",
        "replwire",
    )
    assert told["language_info"]["name"] == "python"
    assert told["language_info"]["file_extension"] == ".py"
    assert shared.ask("kernel_info_request", "control")["language_info"] == told["language_info"]


def test_an_execution(shared: Kernel) -> None:
    told = shared.run("print('out')\nimport sys\nprint('err', file=sys.stderr)\n6 * 7")
    assert told.kinds[:2] == ["status", "execute_input"]
    assert told.kinds[-2:] == ["execute_result", "status"]
    assert told.states == ["busy", "idle"]
    assert (told.text(), told.text("stderr"), told.value) == ("out\n", "err\n", "42")
    assert told.reply["status"] == "ok"
    count = told.reply["execution_count"]
    assert told.of("execute_input")[0]["execution_count"] == count
    assert told.of("execute_result")[0]["execution_count"] == count
    assert shared.run("None").reply["execution_count"] == count + 1


def test_a_semicolon_shows_nothing(shared: Kernel) -> None:
    assert shared.run("1 + 1;").value is None
    assert shared.run("1 + 1;  # nothing").value is None
    assert shared.run("';'").value == "';'"
    assert shared.run("1; 2  # ;").value == "2"


def test_silent_and_not_stored(shared: Kernel) -> None:
    count = shared.run("1").reply["execution_count"]
    silent = shared.run("print('heard')\n1", silent=True)
    assert silent.kinds == ["status", "stream", "status"]
    assert silent.reply["execution_count"] == count
    unstored = shared.run("1", store_history=False)
    assert unstored.value == "1"
    assert unstored.reply["execution_count"] == count
    assert shared.run("1").reply["execution_count"] == count + 1


def test_an_error(shared: Kernel) -> None:
    told = shared.run("def half(n):\n    return n / 0\nhalf(1)")
    [error] = told.of("error")
    assert (error["ename"], error["evalue"]) == ("ZeroDivisionError", "division by zero")
    assert told.reply["status"] == "error"
    assert told.reply["traceback"] == error["traceback"]
    colored = "\n".join(error["traceback"])
    text = ESCAPES.sub("", colored)
    assert colored != text
    cell = f"Cell In[{told.reply['execution_count']}], line"
    assert f"{cell} 3, in <module>" in text
    assert f"{cell} 2, in half" in text
    assert text.endswith("\nZeroDivisionError: division by zero")


def test_what_an_error_aborts(shared: Kernel) -> None:
    first = shared.execute("input()\n", allow_stdin=True)
    shared.until("execute_input", first)
    rest = [shared.execute("print('never')"), shared.execute("print('never')")]
    info = shared.send("history_request", hist_access_type="tail", n=1)
    shared.ask("interrupt_request", "control")
    assert shared.told(first).of("error")[0]["ename"] == "KeyboardInterrupt"
    for each in rest:
        told = shared.told(each)
        assert (told.reply["status"], told.kinds) == ("aborted", ["status", "status"])
    assert shared.told(info).reply["status"] == "ok"
    going = [shared.execute("1/0", stop_on_error=False), shared.execute("'runs'")]
    assert [shared.told(each).reply["status"] for each in going] == ["error", "ok"]


def test_display(shared: Kernel) -> None:
    code = """class Bold:
    def _repr_html_(self): return '<b>x</b>', {'isolated': True}
    def __repr__(self): return 'Bold()'
handle = display(Bold(), display_id='here')
handle.update('plain')
clear_output(wait=True)
Bold()"""
    told = shared.run(code)
    [shown], [updated] = told.of("display_data"), told.of("update_display_data")
    assert shown["data"] == {"text/html": "<b>x</b>", "text/plain": "Bold()"}
    assert shown["metadata"] == {"text/html": {"isolated": True}}
    assert shown["transient"] == updated["transient"] == {"display_id": "here"}
    assert told.of("clear_output") == [{"wait": True}]
    assert told.of("execute_result")[0]["data"] == shown["data"]


def test_input(shared: Kernel) -> None:
    code = "import getpass\ninput('Name? '), getpass.getpass('Secret: ')"
    id = shared.execute(code, allow_stdin=True)
    for prompt, password, answer in (("Name? ", False, "Ada"), ("Secret: ", True, "x")):
        assert shared.question(id) == {"prompt": prompt, "password": password}
        shared.client.input(answer)
    assert shared.told(id).value == "('Ada', 'x')"


def test_two_questions_at_once_are_asked_one_by_one(shared: Kernel) -> None:
    code = """import concurrent.futures
with concurrent.futures.ThreadPoolExecutor() as pool:
    answers = list(pool.map(input, ['a', 'b']))
answers"""
    id = shared.execute(code, allow_stdin=True)
    for _ in range(2):
        prompt = shared.question(id)["prompt"]
        shared.client.input(prompt.upper())
    assert shared.told(id).value == "['A', 'B']"


def test_a_question_waits_for_the_one_before() -> None:
    asked: list[str] = []
    answered: list[tuple[str, str]] = []

    def ask(question: frames.Input, request: Any) -> str:
        asked.append(question.id)
        return f"message {question.id}"

    questions = Questions(ask, lambda question, value: answered.append((question.id, value)))
    for id in "abcd":
        questions.add(frames.Input(id, None, "", False), None)  # type: ignore[arg-type]
    assert asked == ["a"]
    questions.reply({"msg_type": "input_request", "msg_id": "message z"}, "of another one")
    questions.reply({"msg_type": "input_request", "msg_id": "message a"}, "1")
    questions.close("c")
    questions.close("b")
    questions.reply({}, "4")
    questions.reply({}, "nobody's")
    assert (asked, answered) == (["a", "b", "d"], [("a", "1"), ("d", "4")])


def test_input_is_refused(shared: Kernel) -> None:
    told = shared.run("input('Name? ')", allow_stdin=False)
    assert told.of("error")[0]["ename"] == "StdinNotImplementedError"
    assert "does not support input" in told.reply["evalue"]
    assert shared.run("'on'").value == "'on'"


def test_questions_about_code(shared: Kernel) -> None:
    shared.run("def area(width, height=1):\n    'Width times height.'\n    return width * height")
    completed = shared.ask("complete_request", code="x = are", cursor_pos=7)
    assert completed["matches"] == ["area"]
    assert (completed["cursor_start"], completed["cursor_end"]) == (4, 7)
    found = shared.ask("inspect_request", code="area", cursor_pos=4, detail_level=1)
    assert found["found"]
    assert "Width times height." in found["data"]["text/plain"]
    assert "return width * height" in found["data"]["text/plain"]
    assert not shared.ask("inspect_request", code="nothing", cursor_pos=7)["found"]
    told = shared.ask("is_complete_request", code="for x in y:")
    assert told == {"status": "incomplete", "indent": "    "}
    assert shared.ask("is_complete_request", code="x = = 1") == {"status": "invalid"}


def test_questions_are_answered_while_code_runs(shared: Kernel) -> None:
    shared.run("only_one = 42")
    id = shared.execute("input()", allow_stdin=True)
    shared.question(id)
    assert shared.ask("complete_request", code="only_o", cursor_pos=6)["matches"] == ["only_one"]
    # What a front end shows last is right: the cell still runs.
    last = [each for each in shared.seen if each["msg_type"] == "status"][-1]
    if last["content"]["execution_state"] == "idle":
        last = shared.until("status")
    assert last["content"]["execution_state"] == "busy"
    shared.client.input("")
    shared.told(id)


def test_a_question_sees_what_was_sent_before(shared: Kernel) -> None:
    shared.execute("import time; time.sleep(0.01); brand_new = 1")
    assert shared.ask("complete_request", code="brand_n", cursor_pos=7)["matches"] == ["brand_new"]


def test_the_pager(shared: Kernel) -> None:
    told = shared.run("zip?")
    [page] = told.reply["payload"]
    assert page["source"] == "page"
    assert "zip" in page["data"]["text/plain"]
    assert told.kinds == ["status", "execute_input", "status"]


def test_late_output_has_the_header_of_who_started_it(shared: Kernel) -> None:
    code = """import threading
go = threading.Event()
def say():
    go.wait()
    print('late')
thread = threading.Thread(target=say)
thread.start()"""
    first = shared.execute(code)
    shared.told(first)
    second = shared.execute("go.set()\nthread.join()")
    shared.told(second)
    late = next(each for each in shared.seen if each["content"].get("text") == "late\n")
    assert late["parent_header"]["msg_id"] == first


def test_what_is_not_there(shared: Kernel) -> None:
    assert shared.ask("create_subshell_request", "control")["status"] == "error"
    assert shared.ask("list_subshell_request", "control")["subshell_id"] == []
    refused = shared.ask("debug_request", "control", seq=1, type="request", command="attach")
    assert refused["success"] is False
    assert shared.ask("comm_info_request")["comms"] == {}
    id = shared.send("comm_open", comm_id="c", target_name="nobody", data={})
    assert shared.until("comm_close", id)["content"]["comm_id"] == "c"
    shared.send("no_such_request")
    assert shared.ask("connect_request")["shell_port"] == shared.manager.shell_port


@pytest.mark.skipif("REPLWIRE_TOOLS" not in os.environ, reason="no $REPLWIRE_TOOLS")
def test_buffers_go_through_a_comm_and_back(tmp_path: Path) -> None:
    with kernel("--python", os.environ["REPLWIRE_TOOLS"], state=tmp_path) as mine:
        mine.run(
            "import comm\n"
            "def target(mine, opening):\n"
            "    mine.on_msg(lambda heard: mine.send(heard['content']['data'], buffers=\n"
            "        [memoryview(bytes(each)[::-1]) for each in heard['buffers']]))\n"
            "comm.get_comm_manager().register_target('echo', target)"
        )
        mine.send("comm_open", comm_id="c", target_name="echo", data={})
        large = bytes(range(256)) * 4096
        sent = mine.send("comm_msg", buffers=[b"\x00\xff", b"", large], comm_id="c", data={"n": 1})
        heard = mine.until("comm_msg", sent)
        assert heard["content"]["data"] == {"n": 1}
        assert [bytes(each) for each in heard["buffers"]] == [b"\xff\x00", b"", large[::-1]]


def test_who_subscribes_is_welcomed(shared: Kernel) -> None:
    socket = zmq.Context.instance().socket(zmq.SUB)
    socket.connect(f"tcp://127.0.0.1:{shared.manager.iopub_port}")
    socket.subscribe(b"")
    assert socket.poll(20_000)
    told = Codec(shared.client.session.key).decode(socket.recv_multipart())
    assert (told.type, told.content) == ("iopub_welcome", {"subscription": ""})
    socket.close(0)


def test_a_client_listens_when_it_is_told_that_the_kernel_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what its first request publishes is lost: its sockets connect one by one."""
    monkeypatch.setattr("replwire.jupyter.front.PATIENCE", 600)

    async def connect() -> None:
        connection = Connection(tmp_path / "connection.json")
        front = Front(connection)
        front.open(dict.fromkeys(("shell", "control", "stdin"), lambda parts: None))
        told = asyncio.ensure_future(front.somebody_listens())
        await asyncio.sleep(0)
        assert not told.done()
        socket = zmq.Context.instance().socket(zmq.SUB)
        socket.connect(f"tcp://127.0.0.1:{connection.ports['iopub_port']}")
        socket.subscribe(b"")
        await asyncio.wait_for(told, 30)
        await asyncio.wait_for(front.somebody_listens(), 30)
        socket.close(0)
        front.close()

    asyncio.run(connect())


def test_clients_may_come_before_the_kernel(tmp_path: Path) -> None:
    """They find its ports open, and are served in time."""
    path = tmp_path / "connection.json"
    Connection(path)  # which writes it
    told = json.loads(path.read_text("utf-8"))
    taken = system.create_server(("127.0.0.1", 0))
    ports = {"control_port": taken.getsockname()[1], "hb_port": 0}
    path.write_text(json.dumps({**told, **ports}), "utf-8")
    listening = listen(path)
    assert sorted(listening) == ["iopub", "shell", "stdin"]  # the next one is taken

    async def connect() -> None:
        client = zmq.Context.instance().socket(zmq.DEALER)
        client.set(zmq.RECONNECT_IVL, -1)  # it tries once
        client.connect(f"tcp://127.0.0.1:{told['shell_port']}")
        client.send(b"early")
        taken.close()
        connection = Connection(path, listening)
        heard: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()
        takers: dict[str, Any] = dict.fromkeys(NAMES, lambda parts: None)
        sockets = connection.open({**takers, "shell": heard.set_result})
        assert (await asyncio.wait_for(heard, 30))[-1] == b"early"
        assert connection.ports["hb_port"] != 0
        for each in sockets.values():
            each.close()
        client.close(0)

    asyncio.run(connect())


@pytest.mark.parametrize("text", ['{"shell_port": 1', "[1]", "\x00"])
def test_a_damaged_connection_file_is_an_error_of_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "connection.json"
    path.write_text(text, "utf-8")
    command = [sys.executable, "-m", "replwire.jupyter", "run", "-f", str(path)]
    env = {**os.environ, "PYTHONPATH": str(SOURCE)}
    ended = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"replwire-jupyter: {path} is no connection file: ")
    assert ended.stderr.count("\n") == 1


def test_heartbeat(shared: Kernel) -> None:
    socket = zmq.Context.instance().socket(zmq.REQ)
    socket.connect(f"tcp://127.0.0.1:{shared.manager.hb_port}")
    for beat in (b"ping", b"pong"):
        socket.send(beat)
        assert socket.poll(20_000)
        assert socket.recv() == beat
    socket.close(0)


# ---- stopping and surviving ---------------------------------------------------------------------


@pytest.mark.parametrize("code", ["while True: pass", "import time; time.sleep(600)"])
@pytest.mark.parametrize("way", ["message", "signal"])
def test_interrupt(shared: Kernel, code: str, way: str) -> None:
    id = shared.execute(f"print('runs')\n{code}")
    shared.until("stream", id)
    if way == "message":
        assert shared.ask("interrupt_request", "control")["status"] == "ok"
    else:
        os.kill(shared.manager.provisioner.pid, signal.SIGINT)
    told = shared.told(id)
    assert told.of("error")[0]["ename"] == "KeyboardInterrupt"
    assert shared.run("'on'").value == "'on'"


def test_an_interrupt_at_rest_does_nothing(shared: Kernel) -> None:
    assert shared.ask("interrupt_request", "control")["status"] == "ok"
    assert shared.run("'on'").value == "'on'"


def test_an_interrupt_while_it_starts_does_nothing(tmp_path: Path) -> None:
    def interrupt_when_it_listens(manager: Any) -> None:
        with system.socket() as client:
            while client.connect_ex(("127.0.0.1", manager.shell_port)) != 0:
                pass
        manager.interrupt_kernel()

    with kernel(state=tmp_path, when_begun=interrupt_when_it_listens) as mine:
        assert mine.run("1 + 1").value == "2"


def test_a_second_interrupt_stops_anything(shared: Kernel) -> None:
    shared.run("kept = [1]")
    id = shared.execute("kept.append(2)\nprint('runs')\nsum(range(10**12))")
    shared.until("stream", id)
    for _ in range(2):
        shared.ask("interrupt_request", "control")
    told = shared.told(id)
    assert "The variables are kept" in "\n".join(told.reply["traceback"])
    assert shared.run("kept").value == "[1]"


def test_a_crash_costs_one_cell(shared: Kernel) -> None:
    shared.run("kept = [1, 2]")
    told = shared.run("import os\nprint('so far')\ndef f():\n    os.kill(os.getpid(), 11)\nf()")
    assert told.text() == "so far\n"
    [error] = told.of("error")
    text = "\n".join(error["traceback"])
    assert "SIGSEGV" in error["evalue"]
    assert "The variables are kept" in text
    assert f"Cell In[{told.reply['execution_count']}], line 4 in f" in text
    assert shared.run("kept").value == "[1, 2]"
    assert shared.manager.is_alive()


def test_a_crash_at_rest_is_told(shared: Kernel) -> None:
    id = shared.execute("import os, threading\nkept = 3\nos.getpid()")
    pid = shared.told(id).value
    assert pid is not None
    os.kill(int(pid), signal.SIGKILL)
    text = shared.until("stream", id)["content"]["text"]
    assert "died at rest (SIGKILL)" in text
    assert shared.run("kept").value == "3"


# The snapshot behind a cell that runs this waits for the file `go`.
SNAPSHOT_WAITS = """
import os, time
def wait():
    while not os.path.exists({go!r}): time.sleep(0.001)
os.register_at_fork(before=wait)
kept.append(2)
os.getpid()
"""


@pytest.fixture
def ended(tmp_path: Path) -> Iterator[tuple[Kernel, str, int]]:
    """A cell whose value is there, and whose snapshot waits for the file `go`: its id, and the
    interpreter."""
    with kernel(state=tmp_path) as mine:
        mine.run("kept = [1]")
        id = mine.execute(SNAPSHOT_WAITS.format(go=str(tmp_path / "go")))
        pid = mine.until("execute_result", id)["content"]["data"]["text/plain"]
        yield mine, id, int(pid)


def test_a_value_is_shown_before_the_cell_is_over(
    ended: tuple[Kernel, str, int], tmp_path: Path
) -> None:
    mine, id, _ = ended
    mine.ask("interrupt_request", "control")  # the code has ended well
    of_cell = [each["content"] for each in mine.seen if each["parent_header"]["msg_id"] == id]
    assert "idle" not in [each.get("execution_state") for each in of_cell]
    (tmp_path / "go").touch()
    told = mine.told(id)
    assert told.reply["status"] == "ok"
    assert told.states == ["busy", "idle"]
    assert mine.run("kept").value == "[1, 2]"


def test_a_second_interrupt_gives_up_a_snapshot_that_does_not_come(
    ended: tuple[Kernel, str, int],
) -> None:
    mine, id, _ = ended
    for _ in range(2):
        mine.ask("interrupt_request", "control")
    told = mine.told(id)
    assert told.reply["ename"] == "KeyboardInterrupt"
    assert "as they were before this cell" in told.reply["evalue"]
    assert told.states == ["busy", "idle"]
    assert mine.run("kept").value == "[1]"


def test_a_death_before_a_cell_is_kept_is_told_of_that_cell(
    ended: tuple[Kernel, str, int],
) -> None:
    mine, id, pid = ended
    os.kill(pid, signal.SIGKILL)
    told = mine.told(id)
    assert told.reply["status"] == "error"
    assert "(SIGKILL)" in told.reply["evalue"]
    assert "as they were before this cell" in told.reply["evalue"]
    assert mine.run("kept").value == "[1]"


def test_the_servers_death_before_a_cell_is_kept(ended: tuple[Kernel, str, int]) -> None:
    mine, id, pid = ended
    server = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(server, signal.SIGKILL)
    told = mine.told(id)
    assert "all variables are lost" in "\n".join(told.reply["traceback"])
    assert mine.run("1 + 1").value == "2"


@pytest.mark.parametrize("level", ["safe", "early", "fast"])
def test_a_session_that_is_too_large_for_snapshots(tmp_path: Path, level: str) -> None:
    options = ("--snapshot-limit", "0", f"--survive-level={level}")
    with kernel("--", *options, state=tmp_path) as mine:
        assert mine.run("1 + 1").value == "2"
        assert mine.run("1 / 0").reply["ename"] == "ZeroDivisionError"


def test_the_servers_own_death_costs_the_variables_and_not_the_kernel(tmp_path: Path) -> None:
    with kernel(state=tmp_path) as mine:
        told = mine.run("import os\nos.kill(os.getppid(), 9)\nimport time\ntime.sleep(600)")
        assert told.reply["status"] == "error"
        assert "all variables are lost" in "\n".join(told.reply["traceback"])
        assert mine.run("1 + 1").value == "2"


def test_a_question_ends_with_its_server(tmp_path: Path) -> None:
    with kernel(state=tmp_path) as mine:
        server = int(mine.run("import os\nos.getppid()").value)
        id = mine.execute("input('first')", allow_stdin=True)
        assert mine.question(id)["prompt"] == "first"
        os.kill(server, signal.SIGKILL)
        mine.told(id)
        id = mine.execute("input('second')", allow_stdin=True)
        assert mine.question(id)["prompt"] == "second"
        mine.client.input("yes")
        assert mine.told(id).value == "'yes'"


def test_magics(shared: Kernel) -> None:
    shared.run("x = 1")
    shared.run("x = 2")
    shared.run("pass", silent=True)  # of a front end
    assert shared.run("%undo").text() == "undone: the last cell\n"
    assert shared.run("x").value == "1"
    assert shared.run("%checkpoint before\nx = 5\nx").value == "5"
    assert "before" in shared.run("%checkpoints").text()
    assert shared.run("%restore before\n\nx").value == "1"
    told = shared.run("%restore nowhere")
    assert told.of("error")[0]["evalue"] == "no checkpoint nowhere"
    assert shared.run("%undo 500").reply["status"] == "error"


def test_where_magics_stand() -> None:
    assert split("x = 1\n%undo") == ([], "x = 1\n%undo")
    magics, code = split("# first\n%undo 2  # cells\n\nx")
    assert [(each.name, each.argument) for each in magics] == [("undo", "2")]
    assert code == "\n\n\nx"
    assert split("%undone") == ([], "%undone")


# ---- IPython ------------------------------------------------------------------------------------


def test_ipython_where_the_python_of_the_session_has_it(shared: Kernel) -> None:
    if shared.run("import IPython").reply["status"] == "error":
        pytest.skip("no IPython (python3-ipython)")
    told = shared.run("%time x = 6\nx * 7")
    assert "Wall time" in told.text()
    assert told.value == "42"
    assert shared.run("_, 42 in Out.values()").value == "(42, True)"
    assert shared.run("!echo from a shell").text() == "from a shell\n"
    told = shared.run("class Own:\n    def _ipython_display_(self): print('shown')\nOwn()")
    assert (told.text(), told.value) == ("shown\n", None)
    assert shared.ask("is_complete_request", code="%%time\nx = 1\n\n")["status"] == "complete"


def test_ipython_can_be_left_out(tmp_path: Path) -> None:
    with kernel("--", "--ipython", "never", state=tmp_path) as mine:
        [error] = mine.run("%time 1").of("error")
        assert error["ename"] == "SyntaxError"
        assert "--ipython" in "\n".join(error["traceback"])


# ---- history ------------------------------------------------------------------------------------


def test_history_over_sessions(tmp_path: Path) -> None:
    with kernel(state=tmp_path) as first:
        first.run("old = 1")
        first.run("hidden = 1", store_history=False)
        first.ask("shutdown_request", "control", restart=False)
    with kernel(state=tmp_path) as second:
        second.run("new = 1")
        second.run("new")
        second.run("new = 1")

        def asked(**content: object) -> list[list[object]]:
            found: list[list[object]] = second.ask("history_request", raw=True, **content)[
                "history"
            ]
            return found

        tail = [each[1:] for each in asked(output=False, hist_access_type="tail", n=10)]
        assert tail == [[1, "old = 1"], [1, "new = 1"], [2, "new"], [3, "new = 1"]]
        current = asked(output=True, hist_access_type="range", session=0, start=2, stop=3)
        assert [each[1:] for each in current] == [[2, ["new", "1"]]]
        before = asked(output=False, hist_access_type="range", session=-1, start=1, stop=None)
        assert [each[2] for each in before] == ["old = 1"]
        found = asked(output=False, hist_access_type="search", pattern="*= 1", n=10, unique=True)
        assert [each[2] for each in found] == ["old = 1", "new = 1"]
        assert [
            each[1] for each in asked(output=False, hist_access_type="search", pattern="n*", n=1)
        ] == [3]
        assert (tmp_path / "replwire" / "jupyter-history.sqlite").stat().st_mode & 0o77 == 0


# ---- life ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", ["control", "shell"])
def test_shutdown(tmp_path: Path, channel: str) -> None:
    with kernel(state=tmp_path) as mine:
        id = mine.execute("import time; time.sleep(600)")
        mine.until("execute_input", id)
        told = mine.told(mine.send("shutdown_request", channel, restart=True), channel)
        assert told.reply == {"status": "ok", "restart": True}
        mine.manager.provisioner.process.wait(20)
        assert not mine.manager.is_alive()


def test_restart(tmp_path: Path) -> None:
    with kernel(state=tmp_path) as mine:
        mine.run("x = 1")
        mine.manager.restart_kernel()
        mine.client.wait_for_ready(timeout=30)
        assert mine.run("x").reply["ename"] == "NameError"


def test_a_python_that_is_not_there_ends_it(tmp_path: Path) -> None:
    words = ["run", "-f", str(tmp_path / "c.json"), "--python", "/nowhere/python3"]
    told = replwire_jupyter(*words, JUPYTER_RUNTIME_DIR=str(tmp_path))
    assert told.returncode == 2
    assert "/nowhere/python3" in told.stderr


def test_it_ends_with_who_started_it(tmp_path: Path) -> None:
    """The kernel is answerable to a parent that dies without a word."""
    file = tmp_path / "c.json"
    code = f"""import os, subprocess, sys
os.environ['JPY_PARENT_PID'] = str(os.getpid())
words = [sys.executable, '-m', 'replwire.jupyter', 'run', '-f', {str(file)!r}]
child = subprocess.Popen(words)
print(child.pid, flush=True)
sys.stdin.read()
os._exit(0)"""
    source = str(Path(__file__).parents[1] / "src")
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": source, "XDG_STATE_HOME": str(tmp_path)},
    )
    assert parent.stdout and parent.stdin
    end = os.pidfd_open(int(parent.stdout.readline()))
    from jupyter_client import BlockingKernelClient

    while not file.exists() or not file.stat().st_size:
        os.sched_yield()
    client = BlockingKernelClient(connection_file=str(file))
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=30)
    client.stop_channels()
    parent.stdin.close()
    parent.wait()
    import select

    assert select.select([end], [], [], 30)[0]
    os.close(end)


# ---- kernelspecs --------------------------------------------------------------------------------


def replwire_jupyter(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    source = str(Path(__file__).parents[1] / "src")
    return subprocess.run(
        [sys.executable, "-m", "replwire.jupyter", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": source, **env},
    )


def test_install_list_remove(tmp_path: Path) -> None:
    env = {"JUPYTER_PATH": str(tmp_path / "share" / "jupyter"), "HOME": str(tmp_path)}
    venv = tmp_path / "project" / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    (venv / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).parent}\n")
    words = ["--python", str(venv), "--prefix", str(tmp_path)]
    told = replwire_jupyter("install", *words, "--", "--snapshots", "10", **env)
    assert told.returncode == 0, told.stderr
    folder = tmp_path / "share" / "jupyter" / "kernels" / "replwire-project"
    spec = json.loads((folder / "kernel.json").read_text())
    assert spec["argv"][:3] == [sys.executable, "-m", "replwire.jupyter"]
    assert spec["argv"][-5:] == ["--python", str(venv), "--", "--snapshots", "10"]
    assert spec["interrupt_mode"] == "signal"
    assert "project" in spec["display_name"]
    replwire_jupyter(
        "install", "--name", "mine", "--display-name", "Mine", "--prefix", str(tmp_path)
    )
    lines = replwire_jupyter("list", **env).stdout.splitlines()
    assert [each.split("\t")[:2] for each in lines] == [
        ["mine", "Mine"],
        ["replwire-project", spec["display_name"]],
    ]
    assert replwire_jupyter("remove", "replwire-project", **env).returncode == 0
    assert not folder.exists()
    told = replwire_jupyter("remove", "python3", **env)
    assert (told.returncode, told.stdout) == (1, "")
    assert "no such kernel" in told.stderr


def test_install_refuses(tmp_path: Path) -> None:
    told = replwire_jupyter(
        "install", "--python", str(tmp_path / "none"), "--prefix", str(tmp_path)
    )
    assert told.returncode == 1
    assert "no Python that runs" in told.stderr
    told = replwire_jupyter("install", "--name", "a b", "--prefix", str(tmp_path))
    assert (told.returncode, "--name a b" in told.stderr) == (1, True)
