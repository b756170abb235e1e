"""A real sshd on the loopback, with keys of its own, for whatever user the tests run as."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def make_key(path: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def server_config(folder: Path, port: int, path: str) -> list[str]:
    return [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {folder / 'host'}",
        f"AuthorizedKeysFile {folder / 'user.pub'}",
        f"SetEnv PATH={path}",
        "StrictModes no",  # the folder is a temporary one
        "UsePAM no",
        "PidFile none",
        "PermitRootLogin yes",
    ]


def client_config(folder: Path, port: int) -> list[str]:
    return [
        "Host worker1",
        "HostName 127.0.0.1",
        f"Port {port}",
        f"User {getpass.getuser()}",
        f"IdentityFile {folder / 'user'}",
        "IdentitiesOnly yes",
        "StrictHostKeyChecking no",
        f"UserKnownHostsFile {folder / 'known'}",
        "BatchMode yes",
        "LogLevel ERROR",
    ]


@contextmanager
def sshd(folder: Path, server: str) -> Iterator[Path]:
    """Yields the configuration for ssh; over there `replwire` is on PATH."""
    assert SSHD is not None
    for name in ("host", "user"):
        make_key(folder / name)
    programs = folder / "programs"
    programs.mkdir()
    (programs / "replwire").symlink_to(server)
    port = free_port()
    lines = server_config(folder, port, f"{programs}:/usr/bin:/bin")
    (folder / "sshd_config").write_text("\n".join(lines) + "\n")
    (folder / "ssh_config").write_text("\n".join(client_config(folder, port)) + "\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # root's sshd wants it, whatever its configuration
    command = [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith("Server listening"):
                break
        else:
            raise RuntimeError(f"sshd did not start: {''.join(said)}")
        try:
            yield folder / "ssh_config"
        finally:
            process.terminate()
