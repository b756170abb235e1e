"""What an agent sees of its sessions."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from conftest import MODERN, REVISION, Agent, Connect, Person, connected
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitResult

from replwire.transcript.recorded import transcript_of

PNG = """
import base64, struct, zlib
def png(width, height):
    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    rows = (b'\\0' + b'\\x20\\x80\\xff' * width) * height
    raw = b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0))
    raw += chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')
    return {'image/png': base64.b64encode(raw).decode(), 'text/plain': f'{width} by {height}'}
"""


# ---- code -------------------------------------------------------------------------------------


async def test_a_value_comes_as_data_and_as_text(connect: Connect) -> None:
    async with connect() as agent:
        result = await agent.call("execute", code="x = {'a': [1, 2]}\nx")
        assert not result.is_error
        assert result.content[0].text == "Out[1]: {'a': [1, 2]}"
        told = result.structured_content
        assert (told["value"], told["repr"]) == ({"a": [1, 2]}, "{'a': [1, 2]}")
        assert (told["session"], told["state"], told["execution"]) == ("main", "ok", 1)


async def test_both_eras_are_served_and_say_what_this_is() -> None:
    async with connected() as agent:
        assert agent.client.protocol_version == "2025-11-25"
        assert "variables last" in agent.client.instructions
    async with connected(mode="auto") as agent:
        assert agent.client.protocol_version == "2026-07-28"
        assert "variables last" in agent.client.instructions


async def test_the_tools_are_listed_with_their_arguments(connect: Connect) -> None:
    async with connect() as agent:
        tools = {tool.name: tool for tool in (await agent.client.list_tools()).tools}
        wanted = "execute answer interrupt status variables inspect output undo checkpoint restore"
        assert {*wanted.split(), *"branch save load sessions close".split()} == set(tools)
        assert tools["execute"].input_schema["required"] == ["code"]
        assert all(tool.output_schema["type"] == "object" for tool in tools.values())
        assert tools["status"].annotations.read_only_hint


async def test_an_error_of_the_code_is_a_result(connect: Connect) -> None:
    async with connect() as agent:
        result = await agent.call("execute", code="def f(n):\n    return 1 / n\nprint('so far')\nf(0)")
        assert result.is_error
        assert "so far" in result.content[0].text
        assert "ZeroDivisionError: division by zero" in result.content[0].text
        error = result.structured_content["error"]
        assert (error["type"], error["reason"]) == ("ZeroDivisionError", "exception")
        assert [each["line"] for each in error["frames"]] == [4, 2]


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("exequte", {}, "Unknown tool"),
        ("execute", {}, "code"),
        ("execute", {"code": 5}, "code"),
        ("execute", {"code": "1", "timeuot": 3}, "timeuot"),
        ("execute", {"code": "1", "session": "../x"}, "session"),
    ],
)
async def test_a_wrong_call_is_an_error_of_the_protocol(
    connect: Connect, tool: str, arguments: dict[str, Any], says: str
) -> None:
    async with connect() as agent:
        with pytest.raises(MCPError, match=says) as caught:
            await agent.call(tool, **arguments)
        assert caught.value.error.code == -32602
        assert (await agent.execute("'fine'"))["value"] == "fine"


async def test_what_cannot_be_had_is_told_in_words(connect: Connect) -> None:
    async with connect() as agent:
        result = await agent.call("variables", session="nobody")
        assert result.is_error
        assert "no session 'nobody'" in result.content[0].text


# ---- output -----------------------------------------------------------------------------------


async def test_long_output_is_cut_in_the_middle_and_the_rest_can_be_had(connect: Connect) -> None:
    async with connect("--output-chars", "1000") as agent:
        code = "for n in range(1000): print(f'line {n}')"
        told = await agent.execute(code)
        assert told["stdout"].startswith("line 0\n")
        assert told["stdout"].endswith("line 999\n")
        assert len(told["stdout"]) < 1200
        [cut] = told["left_out"]
        assert f"offset={cut['offset']}" in told["stdout"]
        whole = "".join(f"line {n}\n" for n in range(1000))
        at, text = cut["offset"], ""
        while at < cut["offset"] + cut["bytes"]:
            got = await agent.told("output", execution=1, offset=at, length=777)
            text += got["text"]
            at = got.get("next_offset", len(whole))
        assert whole[: cut["offset"]] in told["stdout"]
        assert whole[cut["offset"] :].startswith(text)


async def test_a_progress_bar_is_its_last_state_and_colours_are_gone(connect: Connect) -> None:
    async with connect() as agent:
        code = r"""
import sys
for n in range(101): print(f'\r{n:3} %', end='')
print('\n\x1b[31mred\x1b[0m')
print('oops', file=sys.stderr)"""
        told = await agent.execute(code)
        assert told["stdout"] == "100 %\nred\n"
        assert told["stderr"] == "oops\n"


async def test_output_comes_while_the_code_runs(connect: Connect) -> None:
    messages: list[str] = []
    came = asyncio.Event()

    async def progress(done: float, total: float | None, message: str | None) -> None:
        messages.append(message or "")
        came.set()

    async with connect() as agent:
        code = "import os\nprint('first')\nwhile not os.path.exists(path): pass\n'over'"
        path = f"/tmp/replwire-agents-{os.getpid()}"
        await agent.execute(f"path = {path!r}")
        call = asyncio.ensure_future(
            agent.client.call_tool("execute", {"code": code}, progress_callback=progress)
        )
        try:
            await came.wait()
            assert messages == ["first"]
            assert not call.done()
            with open(path, "w"):
                pass
            assert (await call).structured_content["value"] == "over"
        finally:
            os.unlink(path)


async def test_what_comes_late_is_told_with_the_next_call(connect: Connect) -> None:
    async with connect() as agent:
        await agent.execute(
            "import threading\ngo = threading.Event()\nt = threading.Thread(target=lambda: (go.wait(),"
            " print('late')))\nt.start()"
        )
        told = await agent.execute("go.set(); t.join()")
        assert told["late_output"] == "late\n"


# ---- pictures ---------------------------------------------------------------------------------


def size_of(image: Any) -> tuple[int, int]:
    import base64
    import io

    from PIL import Image

    return Image.open(io.BytesIO(base64.b64decode(image.data))).size


async def test_pictures_are_content_within_a_bound(connect: Connect) -> None:
    async with connect("--image-size", "200") as agent:
        code = PNG + "display(png(50, 40), raw=True)\ndisplay(png(1000, 500), raw=True)"
        result = await agent.call("execute", code=code)
        images = [each for each in result.content if each.type == "image"]
        assert [size_of(each) for each in images] == [(50, 40), (200, 100)]
        assert "1000 by 500" in result.content[0].text
        assert [each["image"] for each in result.structured_content["displays"]] == [True, True]


async def test_of_ten_thousand_pictures_some_are_told(connect: Connect) -> None:
    async with connect("--images", "4") as agent:
        code = PNG + "kept = 5\nfor n in range(10_000): display({**png(9, 9), 'text/plain': str(n)}, raw=True)"
        result = await agent.call("execute", code=code)
        told = result.structured_content
        assert [each["text"] for each in told["displays"]] == ["0", "1", "9998", "9999"]
        assert told["displays_left_out"] == 9996
        assert len(result.content) == 5
        assert (await agent.execute("kept"))["value"] == 5


async def test_what_is_no_picture_is_told_so(connect: Connect) -> None:
    async with connect() as agent:
        code = "display({'image/png': 'bm90IGEgcGljdHVyZQ==', 'text/plain': 'p'}, raw=True)"
        result = await agent.call("execute", code=code)
        assert "cannot be shown" in result.content[0].text


# ---- what must not cost the variables ---------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.abort()",
        "import os; os._exit(3)",
        "while True: pass",
        "sum(range(10**13))",
        "[0] * 10**15",
        "raise SystemExit(4)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    ],
)
async def test_the_next_call_has_the_variables(code: str) -> None:
    async with connected("--timeout", "1") as agent:
        await agent.execute("kept = [1, 2]")
        assert (await agent.call("execute", code=code)).is_error
        assert (await agent.execute("kept"))["value"] == [1, 2]


async def test_a_gigabyte_of_output_costs_the_middle() -> None:
    async with connected("--timeout", "0") as agent:
        told = await agent.execute("kept = 1\nfor n in range(1000): print('x' * (10**6 - 1))")
        assert told["state"] == "ok"
        assert len(told["stdout"]) < 20_000
        assert told["left_out"][0]["bytes"] > 999 * 10**6
        assert (await agent.execute("kept"))["value"] == 1


async def test_a_crash_says_what_is_left(connect: Connect) -> None:
    async with connect() as agent:
        await agent.execute("kept = 1")
        result = await agent.call("execute", code="kept = 2\nimport os; os.abort()")
        assert "The interpreter died: SIGABRT" in result.content[0].text
        assert result.structured_content["error"]["signal"] == "SIGABRT"
        assert result.structured_content["restored"]
        assert (await agent.execute("kept"))["value"] == 1


async def test_a_cancelled_call_interrupts_and_keeps_the_variables(connect: Connect) -> None:
    async with connect() as agent:
        await agent.execute("kept = 1")
        with anyio.move_on_after(0.3):
            await agent.call("execute", code="kept += 1\nwhile True: pass")
        assert (await agent.execute("kept"))["value"] == 2


async def test_a_session_that_was_killed_is_started_anew_and_says_so(connect: Connect) -> None:
    async with connect() as agent:
        pid = (await agent.execute("import os\nos.getppid()"))["value"]
        os.kill(pid, signal.SIGKILL)
        told = await agent.execute("'here'")
        if told["state"] == "error":  # its end had not been seen
            assert told["error"]["reason"] == "died"
            told = await agent.execute("'here'")
        assert told["value"] == "here"
        assert "empty" in told["notes"][0]


# ---- questions --------------------------------------------------------------------------------

ASK = "try:\n    got = input('Name? ')\nexcept Exception as error:\n    got = repr(error)\ngot"


async def test_a_person_is_asked(connect: Connect) -> None:
    person = Person("Ada", "36")
    async with connect(elicitation_callback=person) as agent:
        told = await agent.execute("print('hello')\n[input('Name? '), input('Age? ')]")
        assert told["value"] == ["Ada", "36"]
        assert told["stdout"] == "hello\n"
        assert person.asked == [
            "Python session 'main' asks: Name?",
            "Python session 'main' asks: Age?",
        ]


@pytest.mark.parametrize(
    ("action", "got"),
    [("decline", "RuntimeError('the person declined to answer')"), ("cancel", "EOFError()")],
)
async def test_a_person_may_not_answer(connect: Connect, action: Any, got: str) -> None:
    async with connect(elicitation_callback=Person(ElicitResult(action=action))) as agent:
        assert (await agent.execute(ASK))["value"].replace("EOF when reading a line", "") in (
            got,
            "EOFError('')",
        )


async def test_several_questions_at_once(connect: Connect) -> None:
    async def person(context: Any, params: Any) -> ElicitResult:
        return ElicitResult(action="accept", content={"answer": params.message[-1]})

    async with connect(elicitation_callback=person) as agent:
        code = (
            "from concurrent.futures import ThreadPoolExecutor as Pool\n"
            "with Pool(3) as pool: got = list(pool.map(input, 'abc'))\ngot"
        )
        assert (await agent.execute(code))["value"] == ["a", "b", "c"]


async def test_who_cannot_ask_answers_by_a_tool(connect: Connect) -> None:
    async with connect() as agent:
        result = await agent.call("execute", code="print('before')\nname = input('Name? ')\nname")
        assert not result.is_error
        told = result.structured_content
        assert (told["state"], told["stdout"]) == ("waiting_for_input", "before\n")
        assert told["question"]["prompt"] == "Name? "
        busy = await agent.call("execute", code="1")
        assert busy.is_error
        assert "answer" in busy.content[0].text
        assert (await agent.execute("'other'", session="other"))["value"] == "other"
        told = await agent.told("answer", text="Ada")
        assert told["value"] == "Ada"
        assert "stdout" not in told


@pytest.mark.parametrize(
    ("answer", "got"),
    [
        ({"end_of_file": True}, "EOFError"),
        ({"refuse": True}, "RuntimeError"),
        ({"text": ""}, ""),
    ],
)
async def test_the_tool_ends_or_refuses(connect: Connect, answer: Any, got: str) -> None:
    async with connect() as agent:
        question = (await agent.execute(ASK))["question"]["id"]
        told = await agent.told("answer", question=question, **answer)
        assert told["value"].startswith(got)
        late = await agent.call("answer", text="late")
        assert late.is_error


async def test_a_password_is_never_asked_in_a_form(connect: Connect) -> None:
    person = Person()
    async with connect(elicitation_callback=person) as agent:
        told = await agent.execute("import getpass\nlen(getpass.getpass('Secret: '))")
        assert told["question"]["password"]
        assert person.asked == []
        assert (await agent.told("answer", text="hunter2"))["value"] == 7


async def test_a_question_that_waits_can_be_interrupted(connect: Connect) -> None:
    async with connect() as agent:
        await agent.execute("kept = 1\ninput()")
        assert (await agent.told("interrupt"))["outcome"] == "delivered"
        assert (await agent.execute("kept"))["value"] == 1


async def test_forged_state_is_refused() -> None:
    async with connected(mode="2026-07-28", elicitation_callback=Person("x")) as agent:
        await agent.execute("1")
        with pytest.raises(MCPError, match="requestState"):
            await agent.client.call_tool(
                "execute", {"code": "input()"}, request_state='["main", 1, []]'
            )


# ---- states -----------------------------------------------------------------------------------


async def test_undo_checkpoint_and_restore(connect: Connect) -> None:
    async with connect() as agent:
        await agent.execute("x = 1")
        await agent.told("checkpoint", name="first")
        await agent.execute("x = 2")
        await agent.told("undo")
        assert (await agent.execute("x"))["value"] == 1
        await agent.execute("x = 3")
        await agent.told("restore", checkpoint="first")
        assert (await agent.execute("x"))["value"] == 1
        wrong = await agent.call("restore", checkpoint="none")
        assert wrong.is_error
        assert "first" in wrong.content[0].text


async def test_a_branch_begins_in_the_state_of_another_session(connect: Connect) -> None:
    async with connect() as agent:
        await agent.execute("x = [1]")
        await agent.told("checkpoint", name="first")
        await agent.execute("x.append(2)")
        assert (await agent.told("branch", name="idea"))["parent"] == "main"
        assert (await agent.execute("x.append(3); x", session="idea"))["value"] == [1, 2, 3]
        assert (await agent.execute("x"))["value"] == [1, 2]
        told = await agent.told("branch", name="anew", checkpoint="first")
        assert told["session"] == "anew"
        assert (await agent.execute("x", session="anew"))["value"] == [1]
        await agent.told("branch", session="idea", name="deeper")
        assert (await agent.execute("x", session="deeper"))["value"] == [1, 2, 3]
        sessions = (await agent.told("sessions"))["sessions"]
        assert {each["session"]: each.get("parent") for each in sessions} == {
            "main": None, "idea": "main", "anew": "main", "deeper": "idea",
        }  # fmt: skip


async def test_what_cannot_branch_is_told(connect: Connect) -> None:
    async with connect("--sessions", "2") as agent:
        await agent.execute("x = 1")
        for arguments, says in [
            ({"name": "main"}, "there is a session 'main' already"),
            ({"name": "b", "checkpoint": "none"}, "no checkpoint 'none'"),
            ({"name": "b", "session": "nobody"}, "no session 'nobody'"),
        ]:
            result = await agent.call("branch", **arguments)
            assert result.is_error
            assert says in result.content[0].text
        await agent.told("branch", name="b")
        assert "2 sessions already" in await agent.text("branch", name="c")


async def test_a_branch_asks_and_is_interrupted_as_its_parent_is(connect: Connect) -> None:
    async with connect() as agent:
        await agent.execute("x = 1")
        await agent.told("branch", name="idea")
        asked = await agent.execute("input('Name? ')", session="idea")
        assert asked["question"]["prompt"] == "Name? "
        assert (await agent.execute("x"))["value"] == 1
        assert (await agent.told("answer", session="idea", text="Ada"))["value"] == "Ada"
        ended = await agent.execute("while True: pass", session="idea", timeout=0.2)
        assert ended["error"]["reason"] == "timeout"
        assert (await agent.execute("x", session="idea"))["value"] == 1


async def test_a_branch_has_states_of_its_own(connect: Connect) -> None:
    async with connect() as agent:
        await agent.execute("x = 1")
        await agent.told("branch", name="idea")
        await agent.told("checkpoint", session="idea", name="mine")
        await agent.execute("x = 2", session="idea")
        await agent.told("undo", session="idea")
        assert (await agent.execute("x", session="idea"))["value"] == 1
        await agent.execute("x = 3", session="idea")
        await agent.told("restore", session="idea", checkpoint="mine")
        assert (await agent.execute("x", session="idea"))["value"] == 1
        assert (await agent.call("restore", checkpoint="mine")).is_error
        crash = await agent.execute("x = 4\nimport os; os.abort()", session="idea")
        assert crash["restored"]
        assert (await agent.execute("x", session="idea"))["value"] == 1
        assert (await agent.execute("x"))["value"] == 1


async def test_a_branch_outlives_the_session_that_it_came_from(connect: Connect) -> None:
    async with connect() as agent:
        server = (await agent.execute("x = 1\nimport os\nos.getppid()"))["value"]
        await agent.told("branch", name="idea")
        await agent.call("execute", code="input()")
        await agent.told("close")
        assert (await agent.execute("x", session="idea"))["value"] == 1
        assert (await agent.call("execute", code="x")).is_error  # another session by that name
        await agent.told("close", session="idea")
        with anyio.fail_after(20):
            while os.path.exists(f"/proc/{server}"):
                await anyio.sleep(0.05)
        assert (await agent.execute("2"))["value"] == 2


async def test_what_is_saved_is_loaded_in_another_session(
    connect: Connect, tmp_path: Path
) -> None:
    async with connect("--cwd", str(tmp_path)) as agent:
        await agent.execute("rows = [1, 2]\ntable = {'rows': rows}\nfile = open('/dev/null')")
        told = await agent.told("save", path="work.session")
        assert (told["path"], told["saved"]) == (str(tmp_path / "work.session"), ["rows", "table"])
        assert told["bytes"] == (tmp_path / "work.session").stat().st_size
        assert [each["name"] for each in told["skipped"]] == ["file"]
        told = await agent.told("load", path="work.session", session="other")
        assert told["loaded"] == ["rows", "table"]
        shared = await agent.execute("table['rows'] is rows", session="other")
        assert shared["value"] is True
        told = await agent.told("load", path="work.session", session="third", names=["rows", "no"])
        assert (told["loaded"], told["skipped"][0]["name"]) == (["rows"], "no")
        result = await agent.call("load", path="nothing.session")
        assert result.is_error
        assert "nothing.session" in result.content[0].text


async def test_a_save_stays_in_the_sandbox(connect: Connect, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    async with connect("--cwd", str(inside)) as agent:
        await agent.execute("x = 1")
        result = await agent.call("save", path=str(tmp_path / "outside.session"))
        assert result.is_error
        assert not (tmp_path / "outside.session").exists()
        assert (await agent.execute("x"))["value"] == 1


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("undo", {}),
        ("checkpoint", {}),
        ("restore", {"checkpoint": "c"}),
        ("branch", {"name": "b"}),
        ("save", {"path": "f"}),
        ("load", {"path": "f"}),
    ],
)
async def test_nothing_waits_behind_a_question_that_nobody_answers(
    tool: str, arguments: dict[str, Any]
) -> None:
    async with connected() as agent:
        await agent.execute("input('Name? ')")
        with anyio.fail_after(60):
            result = await agent.call(tool, **arguments)
        assert result.is_error
        assert "waits for input('Name? ')" in result.content[0].text


async def test_status_says_where_the_code_is(connect: Connect) -> None:
    async with connect() as agent:
        await agent.execute("def ask():\n    return input('Go on? ')\nask()")
        told = await agent.told("status")
        assert told["state"] == "waiting_for_input"
        assert told["stack"][-1]["function"] == "ask"
        assert told["questions"][0]["prompt"] == "Go on? "


async def test_variables_and_inspect(connect: Connect) -> None:
    async with connect() as agent:
        await agent.execute("def area(width):\n    'Its size.'\n    return width ** 2\nn = 5")
        told = await agent.told("variables")
        assert [each["name"] for each in told["variables"]] == ["area", "n"]
        assert "n: int = 5" in await agent.text("variables", prefix="n")
        assert "Its size." in await agent.text("inspect", expression="area")
        assert "width ** 2" in await agent.text("inspect", expression="area", source=True)
        assert (await agent.call("inspect", expression="nothing")).is_error


# ---- sessions ---------------------------------------------------------------------------------


async def test_sessions_have_names_and_share_nothing(connect: Connect) -> None:
    async with connect("--sessions", "2") as agent:
        await agent.execute("x = 1", session="a")
        assert (await agent.call("execute", code="x", session="b")).is_error
        full = await agent.call("execute", code="1", session="c")
        assert full.is_error
        assert "2 sessions already (a, b)" in full.content[0].text
        told = await agent.told("sessions")
        assert [each["session"] for each in told["sessions"]] == ["a", "b"]
        await agent.told("close", session="a")
        assert (await agent.execute("'c'", session="c"))["value"] == "c"


async def test_two_calls_of_one_new_session_start_one(connect: Connect) -> None:
    async with connect() as agent:
        told = await asyncio.gather(*(agent.execute("import os; os.getpid()") for _ in range(4)))
        assert len({each["value"] for each in told}) == 1


async def test_sessions_run_side_by_side(connect: Connect) -> None:
    async with connect() as agent:
        waiting = asyncio.ensure_future(
            agent.execute("import time\nwhile True: time.sleep(0.1)", session="slow")
        )
        assert (await agent.execute("1", session="quick"))["value"] == 1
        while (await agent.call("interrupt", session="slow")).is_error:
            await asyncio.sleep(0)  # it has not begun
        while not waiting.done():
            await agent.call("interrupt", session="slow")
        assert (await waiting)["error"]["reason"] == "interrupt"


async def test_an_idle_session_ends(connect: Connect) -> None:
    async with connect("--idle-exit", "200ms") as agent:
        pid = (await agent.execute("import os\nos.getpid()"))["value"]
        with anyio.fail_after(20):
            while os.path.exists(f"/proc/{pid}"):
                await anyio.sleep(0.05)
        told = await agent.execute("'anew'")
        assert told["value"] == "anew"
        assert "empty" in told["notes"][0]


async def test_each_session_is_recorded(tmp_path: Path) -> None:
    async with connected("--record", str(tmp_path / "kept")) as agent:
        await agent.execute("1 + 1")
        await agent.execute("2 + 2", session="other")
    kept = sorted((tmp_path / "kept").iterdir())
    assert [each.name.split("-")[0] for each in kept] == ["main", "other"]
    assert transcript_of(kept[0]) == ">>> 1 + 1\n2\n"


# ---- the process ------------------------------------------------------------------------------


async def _first_pid(agent: Agent) -> int:
    return int((await agent.execute("import os\nos.getpid()"))["value"])


async def test_nothing_is_left_when_the_client_goes() -> None:
    async with connected() as agent:
        pid = await _first_pid(agent)
    with anyio.fail_after(20):
        while os.path.exists(f"/proc/{pid}"):
            await anyio.sleep(0.05)


async def test_code_runs_in_a_sandbox(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    write = "open({!r}, 'w').write('x')"
    async with connected("--cwd", str(inside)) as agent:
        assert "in a sandbox (workspace)" in agent.client.instructions
        assert (await agent.execute(write.format("here")))["value"] == 1
        told = await agent.execute(write.format(str(tmp_path / "there")))
        assert told["error"]["type"] == "PermissionError"
    async with connected("--sandbox", "none", "--cwd", str(inside)) as agent:
        assert "no sandbox" in agent.client.instructions
        assert (await agent.execute(write.format(str(tmp_path / "there"))))["value"] == 1


def _said_to(*lines: str | dict[str, Any]) -> dict[Any, dict[str, Any]]:
    """What is answered, by its id, when all comes at once and then the end."""
    sent = [line if isinstance(line, str) else json.dumps({"jsonrpc": "2.0", **line}) for line in lines]
    done = subprocess.run(
        [sys.executable, "-m", "replwire.mcp"],
        input="".join(f"{line}\n" for line in sent),
        capture_output=True,
        text=True,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {each["id"]: each for each in answers}


HANDSHAKE: dict[str, Any] = {
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


def test_a_bad_line_costs_only_itself() -> None:
    told = _said_to(HANDSHAKE, "{nonsense", {"id": 2, "method": "ping"})
    assert told[1]["result"]["protocolVersion"] == "2025-11-25"
    assert told[2]["result"] == {}


def test_a_connection_that_begins_with_the_handshake_stays_there() -> None:
    meta = {REVISION: MODERN, "io.modelcontextprotocol/clientCapabilities": {}}
    told = _said_to(
        HANDSHAKE,
        {"id": 2, "method": "tools/list", "params": {"_meta": meta}},
        {"id": 3, "method": "ping"},
    )
    assert told[2]["error"]["code"] == -32600
    assert told[3]["result"] == {}


def test_a_sandbox_that_is_not_there_is_no_sandbox() -> None:
    command = [sys.executable, "-m", "replwire.mcp", "--server", "true"]
    done = subprocess.run(
        [*command, "--sandbox", "workspace"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "no sandbox" in done.stderr
    done = subprocess.run(command, input="", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert "without a sandbox" in done.stderr


def test_a_server_that_does_not_start_is_told() -> None:
    command = [sys.executable, "-m", "replwire.mcp", "--server", "/no/such/program"]
    done = subprocess.run(command, input="", capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("replwire-mcp: ")
