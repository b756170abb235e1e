"""replwire-mcp install: the entry that tells a client of the server."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..usage import Parser, split

NAME = "replwire"
Entry = dict[str, Any]


class Unreadable(Exception):
    """A configuration that is not what it should be; it is left as it is."""


def main(words: Sequence[str]) -> int:
    words, more = split(list(words))
    program = Parser(
        prog="replwire-mcp install",
        usage="replwire-mcp install CLIENT [--write] [--file FILE] [-- OPTIONS OF REPLWIRE-MCP]",
        description="Prints the entry that tells a client of this server, and where it belongs. "
        "With --write, makes it there.",
        allow_abbrev=False,
    )
    program.add_argument("client", metavar="CLIENT", choices=CLIENTS, help=", ".join(CLIENTS))
    program.add_argument("--write", action="store_true", help="make the entry")
    program.add_argument("--file", metavar="FILE", help="another configuration than the usual one")
    chosen = program.parse_args(words)
    client = CLIENTS[chosen.client]
    path = Path(chosen.file) if chosen.file else client.path()
    entry = own_command(more)
    if not chosen.write:
        print(f"{path}:\n\n{client.write('', entry)}", end="")
        return 0
    return _write(path, client, entry)


def _write(path: Path, client: Client, entry: Entry) -> int:
    try:
        old = path.read_text("utf-8") if path.exists() else ""
        new = client.write(old, entry)
    except (Unreadable, UnicodeDecodeError) as error:
        print(f"replwire-mcp: {path}: {error}; it is left as it is", file=sys.stderr)
        return 1
    path.parent.mkdir(parents=True, exist_ok=True)
    target = path.resolve()  # a link stays one
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    beside.write_text(new, "utf-8")
    if target.exists():
        beside.chmod(target.stat().st_mode & 0o777)
    beside.replace(target)
    print(f"{'changed' if old else 'written'}: {path}")
    return 0


def own_command(options: Sequence[str]) -> Entry:
    """With its whole path: a client that was started from a menu has another PATH than a shell."""
    program = Path(sys.argv[0])
    if program.name == "replwire-mcp" and program.exists():
        return {"command": str(program.absolute()), "args": list(options)}
    return {"command": sys.executable, "args": ["-m", "replwire.mcp", *options]}


# ---- JSON -------------------------------------------------------------------------------------


def as_json(section: str, extra: Mapping[str, Any]) -> Callable[[str, Entry], str]:
    def write(old: str, entry: Entry) -> str:
        try:
            whole: Any = json.loads(old) if old.strip() else {}
        except ValueError as error:
            raise Unreadable(f"not JSON ({error})") from None
        try:
            servers = whole.setdefault(section, {})
            servers[NAME] = {**servers.get(NAME, {}), **extra, **entry}
        except (AttributeError, TypeError):
            raise Unreadable(f"{section} is not an object of servers") from None
        return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"

    return write


# ---- TOML -------------------------------------------------------------------------------------

_TABLE = re.compile(rf"^\[mcp_servers\.(?:{NAME}|\"{NAME}\")\][^\n]*(?:\n(?!\[)[^\n]*)*", re.M)
_OURS = re.compile(r"^(?:command|args)\s*=\s*(?:\[[^\]]*\]|[^\n]*)\n?", re.M)


def as_toml(old: str, entry: Entry) -> str:
    """The table: at the end, or where it is already, with what else stands in it."""
    # A string or a list of strings of JSON is one of TOML.
    ours = [f"{name} = {json.dumps(value)}" for name, value in entry.items()]
    table = "\n".join([f"[mcp_servers.{NAME}]", *ours])
    there = _TABLE.search(old)
    if there is None:
        return f"{old.rstrip()}\n\n{table}\n".lstrip("\n")
    rest = _OURS.sub("", there[0].partition("\n")[2])
    return f"{old[: there.start()]}{table}\n{rest}{old[there.end() :]}"


# ---- clients ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Client:
    path: Callable[[], Path]
    write: Callable[[str, Entry], str]


def _codex() -> Path:
    return Path(os.environ.get("CODEX_HOME") or Path.home() / ".codex") / "config.toml"


CLIENTS = {
    "claude": Client(lambda: Path(".mcp.json"), as_json("mcpServers", {"type": "stdio"})),
    "codex": Client(_codex, as_toml),
    "cursor": Client(lambda: Path(".cursor/mcp.json"), as_json("mcpServers", {})),
    "vscode": Client(lambda: Path(".vscode/mcp.json"), as_json("servers", {"type": "stdio"})),
}
