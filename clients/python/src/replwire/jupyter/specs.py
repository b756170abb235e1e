"""Kernelspecs: how Jupyter learns that there is this kernel."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OURS = "replwire.jupyter"
_ASK = "import sys; print('%d.%d' % sys.version_info[:2])"
_NAME = re.compile(r"[a-zA-Z0-9._-]+")


class SpecError(Exception):
    """What cannot be installed or removed, in a line."""


@dataclass(frozen=True)
class Spec:
    name: str
    display_name: str
    python: str | None
    folder: Path


def interpreter(python: str) -> tuple[str, str]:
    """The path that the kernel is given, and the version of the Python there."""
    path = Path(python).expanduser()
    found = shutil.which(python) if os.sep not in python and not path.exists() else None
    path = Path(found or path).absolute()
    program = path / "bin" / "python" if path.is_dir() else path
    if path.is_dir() and not program.exists():
        program = path / "bin" / "python3"
    try:
        told = subprocess.run(
            [str(program), "-c", _ASK], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise SpecError(f"{python}: no Python that runs: {error}") from None
    if tuple(map(int, told.split("."))) < (3, 10):
        raise SpecError(f"{python}: Python {told} is too old; 3.10 is the oldest that will do")
    return str(path), told


def _default_names(python: str | None) -> tuple[str, str]:
    if python is None:
        return "replwire", "Python (replwire)"
    path, version = interpreter(python)
    folder = Path(path) if Path(path).is_dir() else Path(path).parent.parent
    if not (folder / "pyvenv.cfg").exists() and not (folder / "conda-meta").exists():
        return f"replwire-{version}", f"Python {version} (replwire)"
    name = folder.parent.name if folder.name in (".venv", "venv", "env") else folder.name
    tail = "".join(_NAME.findall(name)) or version
    return f"replwire-{tail}", f"Python {version} (replwire, {name})"


def install(
    python: str | None,
    name: str | None,
    display_name: str | None,
    prefix: str | None,
    args: Sequence[str] = (),
) -> Spec:
    """Without `prefix` for the user alone."""
    from jupyter_client.kernelspec import KernelSpecManager  # noqa: PLC0415

    default, shown = _default_names(python)
    name = name or default
    if not _NAME.fullmatch(name):
        raise SpecError(f"--name {name}: only letters, digits, '.', '_' and '-' may stand in it")
    argv = [sys.executable, "-m", OURS, "run", "-f", "{connection_file}"]
    if python is not None:
        argv += ["--python", interpreter(python)[0]]
    told: dict[str, Any] = {
        "argv": [*argv, *(["--", *args] if args else [])],
        "display_name": display_name or shown,
        "language": "python",
        "interrupt_mode": "signal",  # a message takes longer, and is published as busy and idle
        "kernel_protocol_version": "5.4",
        "metadata": {"debugger": False},
    }
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "kernel.json").write_text(json.dumps(told, indent=1), "utf-8")
        try:
            where = KernelSpecManager().install_kernel_spec(
                folder, name, user=prefix is None, prefix=prefix
            )
        except OSError as error:
            raise SpecError(str(error)) from None
    return Spec(name.lower(), told["display_name"], python, Path(where))


def installed() -> list[Spec]:
    """Those that this program has installed, wherever Jupyter looks."""
    from jupyter_client.kernelspec import KernelSpecManager  # noqa: PLC0415

    specs: list[Spec] = []
    for name, folder in sorted(KernelSpecManager().find_kernel_specs().items()):
        try:
            told = json.loads((Path(folder) / "kernel.json").read_text("utf-8"))
        except (OSError, ValueError):
            continue
        argv: list[str] = list(map(str, told.get("argv") or ()))
        if OURS in argv:
            python = argv[argv.index("--python") + 1] if "--python" in argv else None
            specs.append(Spec(name, told.get("display_name", name), python, Path(folder)))
    return specs


def remove(name: str) -> Spec:
    for spec in installed():
        if spec.name == name.lower():
            shutil.rmtree(spec.folder)
            return spec
    raise SpecError(f"{name}: replwire-jupyter has installed no such kernel")
