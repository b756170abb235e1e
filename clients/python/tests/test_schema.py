"""`replwire --schema` against what the server takes and writes, and against what is made of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import ROOT

from replwire import frames, requests, sync

CLIENT = ROOT / "clients" / "python"
SCHEMA = json.loads(subprocess.check_output([os.environ["REPLWIRE"], "--schema"]))


def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({**SCHEMA, "anyOf": [{"$ref": f"#/$defs/{name}"}]})


REQUEST, EVENT = validator("request"), validator("event")


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_committed_files_are_what_the_server_makes(tmp_path: Path) -> None:
    program = os.environ["REPLWIRE"]
    subprocess.run([sys.executable, CLIENT / "generate.py", program, tmp_path], check=True)
    for name in ("frames.py", "requests.py"):
        made = (tmp_path / name).read_text()
        assert made == (CLIENT / "src" / "replwire" / name).read_text(), f"run generate.py: {name}"


def documented(mark: str) -> list[dict[str, Any]]:
    """The frames of the examples that a client sends (>) or the server writes (<)."""
    text = (ROOT / "docs" / "protocol.md").read_text()
    found = []
    for line in text.splitlines():
        if line.startswith(f"{mark} {{"):
            try:
                found.append(json.loads(line[2:]))
            except ValueError:
                continue  # an example of a broken line
    return found


def has_wildcard(value: Any) -> bool:
    return isinstance(value, str) and (value == "..." or value.startswith("$"))


def test_documented_requests() -> None:
    examples = documented(">")
    assert len(examples) > 50
    refused = [each for each in examples if not REQUEST.is_valid(each)]
    # What the document shows as refused, and a type in capitals, which the server takes too.
    assert [(each["type"], each["id"]) for each in refused] == [
        ("execute", "c"),
        ("execute", "d"),
        ("exequte", "e"),
        ("EXECUTE", "f"),
    ]


def properties_of(event: str) -> dict[str, Any]:
    definitions = [SCHEMA["$defs"][each] for each in names_in("event")]
    return next(
        each["properties"] for each in definitions if each["properties"]["type"]["const"] == event
    )


def names_in(kind: str) -> list[str]:
    return [each["$ref"].rpartition("/")[2] for each in SCHEMA["$defs"][kind]["anyOf"]]


def test_documented_events() -> None:
    """Their examples are excerpts: each field that is shown must be allowed."""
    examples = documented("<")
    assert len(examples) > 80
    for example in examples:
        properties = properties_of(example["type"])
        for name, value in example.items():
            if not has_wildcard(value) and not isinstance(value, (list, dict)):
                schema = {**SCHEMA, "anyOf": [properties[name]]}
                jsonschema.Draft202012Validator(schema).validate(value)


LIVE = [
    "x = 1",
    "{'a': (1, 2.5)}",
    "print('out')\nimport sys\nprint('err', file=sys.stderr)",
    "display(5, display_id='d').update(6)\nclear_output()",
    "x ='",
    "raise SystemExit(3)",
    "try:\n    1/0\nexcept Exception as e:\n    raise KeyError('k') from e",
    "def f(): return f()\nf()",
    "(\n1 +\n'' +\n2\n)",
    "input('x')",
    "print('y' * 1000)",
    "import numpy\narray = numpy.zeros((2, 3))\narray",
    "import os\nos._exit(3)",
]


def test_whatever_a_live_session_says() -> None:
    lines: list[tuple[str, bytes]] = []
    options = {"output_limit": 100, "timeout": 20.0, "repr_limit": 1000}
    with sync.Session(trace=lambda way, line: lines.append((way, line))) as session:
        session.request({"type": "status", "stack": True}, frames.StatusReply)
        for code in LIVE:
            if "_exit" in code:
                for reply in (session.complete("os."), session.inspect("print", 3, 1)):
                    assert reply.status == "ok"
                session.is_complete("for x in y:")
                session.variables()
                session.interrupt()
                session.reset()
            try:
                session.execute(code, check=False, on_input=["1"], **options)  # type: ignore[arg-type]
            except Exception:
                assert "_exit" in code
    seen = set()
    for way, line in lines:
        frame = json.loads(line)
        seen.add(frame["type"])
        (REQUEST if way == ">" else EVENT).validate(frame)
    assert len(seen) > 20


@pytest.mark.parametrize("name", names_in("request"))
def test_every_request_can_be_made(name: str) -> None:
    by_hand = {"execute": "execute", "input_response": "answer", "shutdown": "close"}
    by_hand.update(functions="define", call_response="answer", branch="branch", close="close")
    by_hand.update(dict.fromkeys(("comm_open", "comm_msg", "comm_close"), "comm"))
    method = by_hand.get(name, name)
    assert callable(getattr(sync.Session, method))
    assert name in by_hand or hasattr(requests.AsyncRequests, method)


def test_unknown_frames_and_fields_are_ignored() -> None:
    script = (
        "import json, sys\n"
        "def say(**frame): print(json.dumps(frame), flush=True)\n"
        f"ready = json.loads({json.dumps(json.dumps(READY))})\n"
        "say(**ready, news=1)\nsay(type='from_the_future', execution_id=1)\n"
        "for line in sys.stdin:\n"
        "    if json.loads(line)['type'] == 'shutdown': break\n"
        "    say(type='output', execution_id=1, stream='stdout', data='x', colour='red')\n"
        "    say(type='checkpoint_reply', id=1)\n"
        "    say(type='result', execution_id=1, execution_count=1, repr='1', value=1,"
        " execution_time=0, mood='good')\n"
    )
    with sync.Session([sys.executable, "-c", script]) as session:
        result = session.execute("1")
    assert (result.value, result.stdout) == (1, "x")


READY: dict[str, Any] = {
    "type": "ready",
    "protocol": 1,
    "session_id": "x",
    "pid": 1,
    "server": {"name": "other", "version": "9", "colour": "red"},
    "python": {"version": "", "implementation": "", "executable": "", "prefix": "", "pid": 1},
    "capabilities": {},
    "limits": dict.fromkeys(SCHEMA["$defs"]["Limits"]["required"], 1),
}
