"""A Jupyter notebook as a transcript: its cells, with their outputs as what is expected."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .. import frames
from .format import Example
from .got import Got

SKIPPED = {"skip", "skip-execution"}
ONLY_RUN = {"ignore-output", "nbval-ignore-output"}
TEXT = "text/plain"


def read(text: str) -> tuple[str, list[Example]]:
    """What stands in for the file's text in a diff, and the cells in it."""
    try:
        cells = json.loads(text)["cells"]
        shown: list[str] = []
        examples: list[Example] = []
        for cell in cells:
            if cell["cell_type"] == "code" and "".join(cell["source"]).strip():
                examples += _example(cell, shown)
        return "\n".join([*shown, ""]), examples
    except (KeyError, TypeError, AttributeError):
        raise ValueError("it is not a Jupyter notebook (nbformat 4)") from None


def _tags(cell: dict[str, Any]) -> set[str]:
    return set(cell.get("metadata", {}).get("tags", []))


def _example(cell: dict[str, Any], shown: list[str]) -> list[Example]:
    source = "".join(cell["source"])
    begin = len(shown)
    first, *others = source.split("\n")
    shown += [f">>> {first}", *(f"... {line}".rstrip() for line in others)]
    want, error = _expected(cell["outputs"])
    lines = want.split("\n")[:-1]
    example = Example(
        source,
        want,
        begin,
        len(shown),
        kind="plain" if _only_runs(cell) else "notebook",
        exc_msg=error,
    )
    shown += [*lines, *(error or "").split("\n")[:-1], ""]
    return [] if _tags(cell) & SKIPPED else [example]


def _only_runs(cell: dict[str, Any]) -> bool:
    """One that was saved without having been run expects nothing in particular."""
    return bool(_tags(cell) & ONLY_RUN) or (
        not cell["outputs"] and cell.get("execution_count") is None
    )


def _expected(outputs: list[dict[str, Any]]) -> tuple[str, str | None]:
    texts: list[str] = []
    error = None
    for each in outputs:
        if each["output_type"] == "stream":
            texts.append("".join(each["text"]))
        elif each["output_type"] == "error":
            said = f": {each['evalue']}" if each["evalue"] else ""
            error = f"{each['ename']}{said}\n"
        else:
            texts.append("".join(each["data"].get(TEXT, "")) + "\n")
    text = "".join(texts)
    return text if not text or text.endswith("\n") else text + "\n", error


def write(path: Path, played: Iterable[tuple[Example, Got]], fits: set[int]) -> None:
    """Puts what came into the cells that expect something else; all else stays as it is."""
    before = path.read_text("utf-8")
    document = json.loads(before)
    cells = [
        cell
        for cell in document["cells"]
        if cell["cell_type"] == "code"
        and "".join(cell["source"]).strip()
        and not _tags(cell) & SKIPPED
    ]
    for cell, (example, got) in zip(cells, played, strict=False):
        if example.line not in fits and example.kind == "notebook":
            cell["outputs"] = _outputs(cell, got.events)
    text = json.dumps(document, indent=1, ensure_ascii=False)
    path.write_text(text + "\n" * before.endswith("\n"), "utf-8")


def _outputs(cell: dict[str, Any], events: list[frames.Event]) -> list[dict[str, Any]]:
    outputs: list[dict[str, Any]] = []
    told: dict[str, Any]
    more: dict[str, Any]
    for event in events:
        if isinstance(event, frames.Output):
            if outputs and outputs[-1].get("name") == event.stream:
                text = "".join(outputs[-1]["text"]) + event.data
                outputs[-1]["text"] = text.splitlines(keepends=True)
            else:
                lines = event.data.splitlines(keepends=True)
                outputs.append({"name": event.stream, "output_type": "stream", "text": lines})
        elif isinstance(event, frames.Display):
            shown = {"data": _data(event.data), "metadata": event.metadata}
            outputs.append({**shown, "output_type": "display_data"})
        elif isinstance(event, frames.Result) and event.repr is not None:
            count = cell.get("execution_count") or event.execution_count
            told = {"data": _data({TEXT: event.repr, **(event.display or {})})}
            more = {"metadata": {}, "output_type": "execute_result"}
            outputs.append({**told, "execution_count": count, **more})
        elif isinstance(event, frames.Error):
            told = {"ename": event.exception_type, "evalue": event.exception_message}
            lines = event.traceback.rstrip("\n").split("\n")
            outputs.append({**told, "output_type": "error", "traceback": lines})
    return outputs


def _data(forms: dict[str, Any]) -> dict[str, Any]:
    return {
        kind: form.splitlines(keepends=True)
        if isinstance(form, str) and "image/" not in kind
        else form
        for kind, form in forms.items()
    }
