"""man_page.py PAGE COMMAND...: writes the manual page of a command from what its --help says."""

import os
import re
import subprocess
import sys
from pathlib import Path

PAGES = {
    "replwire": {
        "summary": "a Python session over pipes: JSON lines in, JSON lines out",
        "synopsis": ["[OPTIONS] [-- SWITCHES]"],
        "exit status": "0 at the end of input or after `shutdown`; 1 with --fail-on-error when an "
        "execution failed; 2 for wrong usage, a Python that will not do, or a --startup file that "
        "raised; 70 when the session could not go on; 74 when standard output could not be written; N after os._exit(N) in user code; 128 + N, as a "
        "shell shows it, when signal N killed it.",
        "environment": {
            "VIRTUAL_ENV, CONDA_PREFIX": "The environment whose Python runs the session, unless "
            "--python says otherwise.",
            "PYTHON*": "What they mean to python3.",
            "MPLBACKEND": "When set, matplotlib's figures do not arrive by themselves.",
        },
        "files": {
            ".venv": "In the working directory or above it: the Python that is taken where the environment names none.",
        },
    },
    "replwire-cli": {
        "summary": "run Python code in a replwire session, or talk with one",
        "synopsis": [
            "[OPTIONS] [FILE.py [ARG...] | -c CODE [ARG...] | -m MODULE [ARG...] | -]",
            "[OPTIONS] exec CODE | run FILE.py [ARG...] | prompt",
        ],
        "exit status": "That of the program: 0; 1 after an exception; what sys.exit() was given; 130 "
        "after Ctrl-C; 128 + N when signal N killed the session. 2 for wrong usage or a server that "
        "does not start.",
        "environment": {
            "REPLWIRE": "The command that starts the server.",
            "VIRTUAL_ENV, CONDA_PREFIX": "The environment whose Python runs the code.",
            "NO_COLOR": "When set, there are no colours.",
            "XDG_STATE_HOME": "Where the history is kept (~/.local/state).",
        },
        "files": {
            "$XDG_STATE_HOME/replwire/history": "What was typed at the prompt.",
            "$XDG_STATE_HOME/replwire/sessions": "Variables and history of each session that --resume NAME names.",
        },
    },
    "replwire-transcript": {
        "summary": "play whole Python sessions as tests, or record them",
        "synopsis": ["run [OPTIONS] FILE...", "record [OPTIONS] FILE", "from FILE"],
        "exit status": "0 when all went as expected, 1 when some differ or cannot be read, 2 for wrong usage.",
        "environment": {
            "REPLWIRE": "The command that starts the server.",
            "VIRTUAL_ENV, CONDA_PREFIX": "The environment whose Python runs the code.",
        },
        "files": {"*.replwire": "Transcripts; docs/transcripts.md says what may stand in them."},
    },
    "replwire-mcp": {
        "summary": "serve Python sessions to agents, over the Model Context Protocol",
        "synopsis": ["[OPTIONS] [-- REPLWIRE-OPTIONS]", "install CLIENT [--write] [-- OPTIONS]"],
        "exit status": "0 when the client has gone; 1 when `install` cannot read a configuration; 2 for "
        "wrong usage, a server or a sandbox that is not there, or an SDK that is not installed.",
        "environment": {
            "REPLWIRE": "The command that starts the server of a session.",
            "VIRTUAL_ENV, CONDA_PREFIX": "The environment whose Python runs the code.",
            "CODEX_HOME": "Where the configuration of codex is (~/.codex).",
        },
        "files": {
            ".mcp.json, .cursor/mcp.json, .vscode/mcp.json": "What `install` writes, in the working directory.",
        },
    },
    "replwire-jupyter": {
        "summary": "a Jupyter kernel whose variables survive crashes",
        "synopsis": ["install [OPTIONS] [-- SERVER OPTIONS]", "list", "remove NAME...", "run [-f FILE] [OPTIONS]"],
        "exit status": "0; 1 when a kernelspec cannot be installed or removed, or an address is in use; 2 for wrong usage, a server that does not start, or libraries that are not installed.",
        "environment": {
            "REPLWIRE": "The command that starts the server.",
            "VIRTUAL_ENV, CONDA_PREFIX": "The environment whose Python runs the cells, unless --python says otherwise.",
            "XDG_STATE_HOME": "Where the history is kept (~/.local/state).",
        },
        "files": {"$XDG_STATE_HOME/replwire/jupyter-history.sqlite": "The cells of all sessions."},
    },
}

# The commands of a command whose own --help is its page's text.
WORDS = {
    "replwire-transcript": [["run"], ["record"], ["from"]],
    "replwire-jupyter": [[], ["install"], ["run"]],
}


def escaped(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.MULTILINE)


def help_of(command: list[str]) -> str:
    return subprocess.run(
        [*command, "--help"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "80"},
    ).stdout


def section(title: str, *lines: str) -> list[str]:
    return [f".SH {title.upper()}", *lines]


def entries(about: dict[str, str]) -> list[str]:
    return [line for name, text in about.items() for line in (".TP", f".B {escaped(name)}", escaped(text))]


def page(name: str, command: list[str]) -> str:
    about = PAGES[name]
    words = WORDS.get(name, [[]])
    text = "\n".join(help_of([*command, *each]) for each in words)
    others = [f".BR {escaped(each)} (1)," for each in PAGES if each != name]
    lines = [f".TH {name.upper()} 1", *section("name", f"{escaped(name)} \\- {about['summary']}")]
    lines += section("synopsis")
    for each in about["synopsis"]:
        lines += [f".B {escaped(name)}", escaped(each), ".br"]
    lines += section("description", ".nf", escaped(text.rstrip()), ".fi")
    lines += section("exit status", escaped(about["exit status"]))
    lines += section("environment", *entries(about["environment"]))
    lines += section("files", *entries(about["files"]))
    lines += section("see also", *others, ".BR python3 (1)")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    target, *words = sys.argv[1:]
    Path(target).write_text(page(Path(target).stem, words), encoding="utf-8")
