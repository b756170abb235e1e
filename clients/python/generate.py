#!/usr/bin/env python3
"""Writes frames.py and requests.py of the client from what `replwire --schema` says.

generate.py [REPLWIRE [FOLDER]]
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

PACKAGE = Path(__file__).parent / "src" / "replwire"
HEAD = '"""{}\n\nWritten by generate.py from `replwire --schema`; not to be edited.\n"""\n'
WIDTH = 100
NULL = {"type": "null"}
PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
# What the sessions do by hand, because there is more to it than one reply.
BY_HAND = (
    *("execute", "input_response", "functions", "call_response", "shutdown"),
    *("comm_open", "comm_msg", "comm_close"),
    *("branch", "close"),
)
# Of every frame: the sessions say it themselves.
OF_SESSION = "session"


def camel(name: str) -> str:
    return name if name[0].isupper() else "".join(part.title() for part in name.split("_"))


def referred(schema: Schema) -> str:
    return str(schema.get("$ref", "")).removeprefix("#/$defs/")


def python_type(schema: Schema) -> str:
    """The annotation for a field."""
    if name := referred(schema):
        return camel(name)
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(python_type(each) for each in schema["anyOf"]))
    if "enum" in schema:
        return f"Literal[{', '.join(map(json.dumps, schema['enum']))}]"
    if "const" in schema:
        return {bool: "bool", str: "str", int: "int"}[type(schema["const"])]
    if schema.get("type") == "array":
        return f"list[{python_type(schema['items'])}]"
    if schema.get("type") == "object":
        return f"dict[str, {python_type(schema['additionalProperties'])}]"
    return PLAIN.get(schema.get("type", ""), "Any")


def or_none(annotation: str) -> str:
    return annotation if annotation in ("Any", "None") else f"{annotation} | None"


def without_null(schema: Schema) -> Schema:
    """What an optional field of a request may be, when it is there."""
    kinds = schema.get("anyOf", [])
    return kinds[0] if len(kinds) == 2 and kinds[1] == NULL else schema


def decoded(schema: Schema, text: str) -> str:
    """The expression that makes the field's value of what JSON gave."""
    if (name := referred(schema)) and name != "id":
        return f"_{snake(name)}({text})"
    if schema.get("type") == "array" and (inner := decoded(schema["items"], "each")) != "each":
        return f"[{inner} for each in {text}]"
    if schema.get("type") == "object":
        inner = decoded(schema["additionalProperties"], "each")
        if inner != "each":
            return f"{{name: {inner} for name, each in {text}.items()}}"
    return text


def snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


def fitted(line: str) -> list[str]:
    """The line, broken at its brackets as ruff would where it is too long."""
    if len(line) <= WIDTH:
        return [line]
    head, _, inner = line.removesuffix("]").partition("[")
    together = f"        {inner}"
    parts = (
        [together] if len(together) <= WIDTH else [f"        {each}," for each in inner.split(", ")]
    )
    return [f"{head}[", *parts, "    ]"]


class Fields:
    """The fields of a definition, without a frame's own name."""

    def __init__(self, definition: Schema) -> None:
        self.properties: dict[str, Schema] = dict(definition["properties"])
        self.is_frame = "const" in self.properties.get("type", {})
        if self.is_frame:
            del self.properties["type"]
        self.required = [name for name in self.properties if name in definition["required"]]
        self.optional = [name for name in self.properties if name not in definition["required"]]


def frame_class(name: str, definition: Schema) -> str:
    fields = Fields(definition)
    lines = ["@late_dataclass", f"class {camel(name)}(Frame):"]
    if fields.is_frame:
        kind = type_of(definition)
        lines.append(f'    type: ClassVar[Literal["{kind}"]] = "{kind}"')
    # A dataclass wants those first that are always there.
    for each in fields.required:
        lines += fitted(f"    {each}: {python_type(fields.properties[each])}")
    for each in fields.optional:
        lines.append(f"    {each}: {or_none(python_type(fields.properties[each]))} = None")
    return "\n".join([*lines, "", "", *decoder(name, fields)])


def decoder(name: str, fields: Fields) -> list[str]:
    lines = [f"def _{snake(name)}(f: dict[str, Any]) -> {camel(name)}:"]
    lines.append(f"    return {camel(name)}(")
    for each in fields.required:
        lines.append(f"        {decoded(fields.properties[each], f'f[{json.dumps(each)}]')},")
    for each in fields.optional:
        plain = f"f.get({json.dumps(each)})"
        made = decoded(fields.properties[each], f"f[{json.dumps(each)}]")
        if not made.startswith("f["):
            plain = f"{made} if {json.dumps(each)} in f else None"
        line = f"        {plain},"
        if len(line) > WIDTH:
            line = line.replace(" if ", "\n        if ").replace(" else ", "\n        else ")
        lines.append(line)
    return [*lines, "    )", "", ""]


def type_of(definition: Schema) -> str:
    """What a frame says it is; an event that has a request's type is defined under another name."""
    return str(definition["properties"]["type"]["const"])


def names_in(schema: Schema, key: str) -> list[str]:
    return [referred(each) for each in schema["$defs"][key]["anyOf"]]


def parts_of(names: list[str], definitions: Schema) -> set[str]:
    """The objects inside of these; what only requests hold the sessions write as dictionaries."""
    found: set[str] = set()
    waiting = [*names]
    while waiting:
        text = json.dumps(definitions[waiting.pop()])
        inside = {name for name in definitions if name[0].isupper() and f'/{name}"' in text}
        waiting += inside - found
        found |= inside
    return found


def options_class(name: str, definition: Schema) -> str:
    """The optional fields of a request that the sessions write by hand."""
    fields = Fields(definition)
    lines = [f"class {camel(name)}Options(TypedDict, total=False):"]
    for each in fields.optional:
        # The sessions' own argument of that name says more.
        if each not in ("on_input", OF_SESSION):
            lines.append(
                f"    {each}: {or_none(python_type(without_null(fields.properties[each])))}"
            )
    return "\n".join([*lines, "", ""])


def frames_module(schema: Schema) -> str:
    definitions = schema["$defs"]
    events = names_in(schema, "event")
    requests = names_in(schema, "request")
    told = parts_of(events, definitions)
    parts = [name for name in definitions if name in told]
    out = [
        HEAD.format("The frames that a server sends, a dataclass each."),
        "from __future__ import annotations\n",
        "from collections.abc import Callable",
        "from typing import Any, ClassVar, Literal, TypedDict, Union\n",
        "from .frame import Frame, late_dataclass\n",
        f"Id = Union[{', '.join(PLAIN[each['type']] for each in definitions['id']['anyOf'])}]\n\n",
    ]
    out += [frame_class(name, definitions[name]) for name in [*parts, *events]]
    out += [options_class("execute", definitions["execute"])]
    out += ["Event = Union[", *(f"    {camel(name)}," for name in events), "]\n"]
    out += ["DECODERS: dict[str, Callable[[dict[str, Any]], Event]] = {"]
    out += [*(f'    "{type_of(definitions[name])}": _{name},' for name in events), "}\n"]
    out += ["REQUESTS = ("]
    return "\n".join([*out, *(f'    "{name}",' for name in requests), ")", ""])


def method(name: str, definition: Schema, prefix: str) -> str:
    fields = Fields(definition)
    fields.optional = [each for each in fields.optional if each not in ("id", OF_SESSION)]
    names = [each for each in [*fields.required, *fields.optional] if each != "id"]
    reply = f"frames.{camel(name)}Reply"
    lines = [f"    {prefix}def {name}(", "        self,"]
    for each in names:
        annotation = python_type(without_null(fields.properties[each]))
        annotation = annotation.replace("Id", "frames.Id")
        lines.append(
            f"        {each}: {annotation},"
            if each in fields.required
            else f"        {each}: {or_none(annotation)} = None,"
        )
    if not names:
        lines = [f"    {prefix}def {name}(self) -> {reply}:"]
    else:
        lines.append(f"    ) -> {reply}:")
    pairs = ", ".join([f'"type": "{name}"', *(f'"{each}": {each}' for each in names)])
    wait = "await " if prefix else ""
    lines += [f'        """`{name}`, as docs/protocol.md describes it."""']
    lines += ["        frame: dict[str, Any] = {"]
    lines += [f"            {pair}," for pair in pairs.split(", ")]
    lines += ["        }", f"        return {wait}self.request(frame, {reply})", ""]
    return "\n".join(lines)


def requests_class(schema: Schema, name: str, prefix: str, doc: str) -> str:
    lines = [f"class {name}:", f'    """{doc}"""\n']
    lines += [f"    {prefix}def request(self, frame: dict[str, Any], reply: type[Reply]) -> Reply:"]
    lines += ["        raise NotImplementedError", ""]
    for each in names_in(schema, "request"):
        if each not in BY_HAND:
            lines.append(method(each, schema["$defs"][each], prefix))
    return "\n".join(lines)


def requests_module(schema: Schema) -> str:
    out = [
        HEAD.format("The requests that have one reply, a method each."),
        "from __future__ import annotations\n",
        "from typing import Any, Literal, TypeVar\n",
        "from . import frames\n",
        'Reply = TypeVar("Reply")\n\n',
        requests_class(schema, "AsyncRequests", "async ", "For the session of asyncio programs."),
        "",
        requests_class(schema, "SyncRequests", "", "For the session that blocks."),
    ]
    return "\n".join(out)


def main(program: str = "replwire", folder: str = str(PACKAGE)) -> None:
    schema = json.loads(subprocess.check_output([program, "--schema"]))
    for name, text in (
        ("frames.py", frames_module(schema)),
        ("requests.py", requests_module(schema)),
    ):
        Path(folder, name).write_text(text.rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
