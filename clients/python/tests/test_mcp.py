"""What replwire-mcp does without its SDK: texts, pictures, configurations. The rest is tested by
scripts/agents."""

from __future__ import annotations

import base64
import io
import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from replwire.mcp.__main__ import main
from replwire.mcp.images import Picture, Unseen, bounded
from replwire.mcp.install import main as install
from replwire.mcp.text import Cut, Stream, fitted, plain, plain_lines


def stream(*parts: str | int, start: int = 0) -> Stream:
    return Stream(start, list(parts))


# ---- texts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("tab\tstays", "tab\tstays"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b(Btext\x1b=", "text"),
        ("cut off\x1b[3", "cut off"),
        ("10 %\r20 %", "20 %"),
        ("10 %\r20 %\r", "20 %"),
        ("long text\rshort", "shortext"[:5] + "text"),
        ("long text\r\x1b[Kshort", "short"),
        ("long text\x1b[2K\rshort", "short"),
        ("abc\b\bX", "aXc"),
        ("ends\r", "ends"),
        ("bell\a and null\0", "bell and null"),
        ("\x1b[32m 50%\x1b[0m\r\x1b[32m100%\x1b[0m", "100%"),
    ],
)
def test_a_line_is_what_a_terminal_shows(raw: str, shown: str) -> None:
    assert plain(raw) == shown


def test_lines_end_as_they_do() -> None:
    assert plain_lines("a\r\nb\x1b[0m\n") == "a\nb\n"


def test_what_fits_is_told_whole() -> None:
    assert fitted(stream("a\n", "b\n"), 4) == ("a\nb\n", None, "")
    assert fitted(stream(), 4) == ("", None, "")
    assert fitted(stream("1 %\r", "2 %\r", "100 %\n"), 6).head == "100 %\n"


def test_what_does_not_fit_is_told_from_both_ends() -> None:
    lines = "".join(f"line {n}\n" for n in range(100))
    fit = fitted(stream(lines), 100)
    assert lines.startswith(fit.head)
    assert lines.endswith(fit.tail)
    assert fit.cut == Cut(len(fit.head), len(lines) - len(fit.head) - len(fit.tail))
    assert 80 <= len(fit.head) + len(fit.tail) <= 100
    assert fit.text("[cut]") == f"{fit.head}[cut]\n{fit.tail}"


def test_places_are_bytes_of_the_stream() -> None:
    fit = fitted(stream("é" * 100, start=10), 16)
    assert (fit.head, fit.tail) == ("é" * 8, "é" * 8)
    assert fit.cut == Cut(10 + 16, 200 - 32)


def test_a_gap_of_the_servers_is_in_the_middle() -> None:
    fit = fitted(stream("head\n", 1000, "tail\n"), 100)
    assert fit == ("head\n", Cut(5, 1000), "tail\n")


def test_what_was_told_is_counted_on() -> None:
    told = stream("abc", 7, "é")
    told.forget()
    told.add("x" * 50)
    assert fitted(told, 10).cut == Cut(12 + 5, 40)


def test_a_line_that_was_written_over_is_told_whole_or_not() -> None:
    bar = "".join(f"\r{n} % " + "." * 30 for n in range(100))
    fit = fitted(stream(bar + "\n", "end\n"), 20)
    assert (fit.head, fit.tail) == ("", "end\n")
    assert fit.cut == Cut(0, len(bar) + 1)


# ---- pictures ---------------------------------------------------------------------------------


def png(width: int, height: int, noise: bytes = b"") -> Picture:
    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    row = 3 * width
    pixels = (noise or b"\x80" * row * height)[: row * height]
    rows = b"".join(b"\0" + pixels[at : at + row] for at in range(0, len(pixels), row))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    raw = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    raw += chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")
    return Picture("image/png", base64.b64encode(raw).decode())


def size_of(picture: Picture) -> tuple[int, int]:
    image = pytest.importorskip("PIL.Image", reason="needs Pillow")
    return image.open(io.BytesIO(base64.b64decode(picture.data))).size


def test_a_small_picture_stays_as_it_is() -> None:
    picture = png(10, 20)
    assert bounded(picture, 100) == picture
    broken_up = picture._replace(data=picture.data[:9] + "\n" + picture.data[9:])
    assert bounded(broken_up, 100) == picture


def test_a_large_picture_becomes_smaller() -> None:
    pytest.importorskip("PIL", reason="needs Pillow")
    assert size_of(bounded(png(400, 100), 100)) == (100, 25)


def test_a_picture_of_many_bytes_becomes_smaller() -> None:
    import random

    pytest.importorskip("PIL", reason="needs Pillow")
    picture = png(900, 900, random.Random(1).randbytes(3 * 900 * 900))
    small = bounded(picture, 1000)
    assert len(small.data) < 1_500_000 < len(picture.data)
    assert small.mime == "image/jpeg"


def test_what_is_no_picture_is_told() -> None:
    with pytest.raises(Unseen, match="image/png"):
        bounded(Picture("image/png", base64.b64encode(b"hello").decode()), 100)
    with pytest.raises(Unseen, match="image/png"):
        bounded(Picture("image/png", "a"), 100)


def test_a_picture_without_end_is_not_opened() -> None:
    picture = png(1, 1)
    raw = bytearray(base64.b64decode(picture.data))
    raw[16:24] = struct.pack(">II", 200_000, 200_000)
    crc = zlib.crc32(bytes(raw[12:29]))
    raw[29:33] = struct.pack(">I", crc)
    with pytest.raises(Unseen):
        bounded(Picture("image/png", base64.b64encode(bytes(raw)).decode()), 100)


# ---- configurations ---------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / "codex"))
    return tmp_path


@pytest.mark.parametrize(
    ("client", "path", "section"),
    [
        ("claude", ".mcp.json", "mcpServers"),
        ("cursor", ".cursor/mcp.json", "mcpServers"),
        ("vscode", ".vscode/mcp.json", "servers"),
    ],
)
def test_an_entry_is_printed_or_made(
    folder: Path, capsys: pytest.CaptureFixture[str], client: str, path: str, section: str
) -> None:
    assert install([client, "--", "--timeout", "5m"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{path}:\n")
    assert not (folder / path).exists()
    assert install([client, "--write", "--", "--timeout", "5m"]) == 0
    made = json.loads((folder / path).read_text())
    assert made == json.loads(printed.partition("\n")[2])
    assert made[section]["replwire"]["args"][-2:] == ["--timeout", "5m"]


def test_other_entries_stay(folder: Path) -> None:
    path = folder / ".mcp.json"
    old = {"other": 1, "mcpServers": {"x": {"command": "x"}, "replwire": {"env": {"A": "b"}}}}
    path.write_text(json.dumps(old))
    path.chmod(0o640)
    assert install(["claude", "--write"]) == 0
    new = json.loads(path.read_text())
    assert (new["other"], new["mcpServers"]["x"]) == (1, {"command": "x"})
    assert new["mcpServers"]["replwire"]["env"] == {"A": "b"}
    assert new["mcpServers"]["replwire"]["command"]
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("text", ["{ // a comment\n}", "[]", '{"mcpServers": []}'])
def test_what_cannot_be_read_is_left_as_it_is(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (folder / ".mcp.json").write_text(text)
    assert install(["claude", "--write"]) == 1
    assert (folder / ".mcp.json").read_text() == text
    assert "left as it is" in capsys.readouterr().err


def test_codex_is_told_in_toml(folder: Path) -> None:
    path = folder / "codex" / "config.toml"
    assert install(["codex", "--write"]) == 0
    assert path.read_text().startswith("[mcp_servers.replwire]\ncommand = ")
    old = (
        'model = "x"\n\n[mcp_servers.replwire]\ncommand = "old"\nargs = [\n  "a",\n]\n'
        'tool_timeout_sec = 9\n\n[mcp_servers.replwire.env]\nA = "b"\n\n[other]\ny = 1\n'
    )
    path.write_text(old)
    assert install(["codex", "--write", "--", "--images", "2"]) == 0
    new = path.read_text()
    assert "old" not in new
    assert '"a"' not in new
    assert new.count("[mcp_servers.replwire]") == 1
    assert '"--images", "2"]\ntool_timeout_sec = 9\n\n[mcp_servers.replwire.env]\nA = "b"' in new
    assert new.startswith('model = "x"\n\n')
    assert new.endswith("[other]\ny = 1\n")


# ---- the command ------------------------------------------------------------------------------


def test_what_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".vscode").write_text("a file, where the folder should be")
    assert main(["install", "vscode", "--write"]) == 2
    assert capsys.readouterr().err.startswith("replwire-mcp: ")


def test_the_look_for_a_sandbox_leaves_the_clients_words_alone(tmp_path: Path) -> None:
    server = tmp_path / "replwire"
    server.write_text("#!/bin/sh\ncat\necho '  --sandbox WAY'\n")
    server.chmod(0o755)
    look = f"import sys; from replwire.mcp.__main__ import _fence; _fence([{str(server)!r}], None)"
    told = subprocess.run(
        [sys.executable, "-c", f"{look}; print(sys.stdin.read())"],
        env={**os.environ, "PYTHONPATH": str(Path(install.__code__.co_filename).parents[2])},
        input="initialize",
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert told.stdout == "initialize\n"


@pytest.mark.parametrize("word", ["nonsense", "=command", "a b=command", "name="])
def test_another_server_has_a_name_and_a_command(
    word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--with", word])
    assert caught.value.code == 2
    assert "must be NAME=COMMAND" in capsys.readouterr().err
