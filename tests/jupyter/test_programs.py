"""Programs that run notebooks, and the console."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbclient
import nbformat
import papermill
import pexpect
import pytest
from nbconvert import HTMLExporter
from nbconvert.preprocessors import ExecutePreprocessor

NAME = "replwire-test"
PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 4, 9]);"


def notebook(*cells: str) -> nbformat.NotebookNode:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in cells])
    made.metadata.kernelspec = {"name": NAME, "display_name": NAME, "language": "python"}
    return made


def text(cell: nbformat.NotebookNode) -> str:
    return "".join(each.text for each in cell.outputs if each.output_type == "stream")


def test_nbclient() -> None:
    book = notebook("x = 2", "print(x)\nx * 21", PLOT, "for n in range(10_000): print(n)")
    nbclient.NotebookClient(book, timeout=60).execute()
    assert [each.output_type for each in book.cells[1].outputs] == ["stream", "execute_result"]
    assert book.cells[1].outputs[1].data == {"text/plain": "42"}
    [shown] = book.cells[2].outputs
    assert shown.output_type == "display_data"
    assert "image/png" in shown.data
    assert text(book.cells[3]) == "".join(f"{n}\n" for n in range(10_000))
    assert [each.execution_count for each in book.cells] == [1, 2, 3, 4]


def test_an_error_stops_a_notebook_unless_it_may() -> None:
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="ZeroDivisionError"):
        nbclient.NotebookClient(notebook("1 / 0", "never")).execute()
    book = notebook("1 / 0", "'runs'")
    nbclient.NotebookClient(book, allow_errors=True).execute()
    assert book.cells[1].outputs[0].data == {"text/plain": "'runs'"}


def test_input_is_refused() -> None:
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="StdinNotImplementedError"):
        nbclient.NotebookClient(notebook("input('Name? ')")).execute()


def test_a_cell_beyond_its_time_is_interrupted() -> None:
    book = notebook("x = 1", "while True: pass", "x")
    nbclient.NotebookClient(book, timeout=2, interrupt_on_timeout=True, allow_errors=True).execute()
    assert book.cells[1].outputs[0].ename == "KeyboardInterrupt"
    assert book.cells[2].outputs[0].data == {"text/plain": "1"}


def test_a_crash_is_an_error_like_others() -> None:
    book = notebook("x = 1", "import ctypes; ctypes.string_at(0)", "x")
    nbclient.NotebookClient(book, timeout=60, allow_errors=True).execute()
    assert "SIGSEGV" in book.cells[1].outputs[0].evalue
    assert book.cells[2].outputs[0].data == {"text/plain": "1"}


def test_papermill(tmp_path: Path) -> None:
    book = notebook("alpha = 1", "print(alpha)")
    book.cells[0].metadata.tags = ["parameters"]
    nbformat.write(book, tmp_path / "in.ipynb")
    told = papermill.execute_notebook(
        tmp_path / "in.ipynb", tmp_path / "out.ipynb", {"alpha": 7}, kernel_name=NAME, progress_bar=False
    )
    assert text(told.cells[-1]) == "7\n"


def test_nbconvert() -> None:
    book = notebook("print('seen')", PLOT)
    ExecutePreprocessor(timeout=60, kernel_name=NAME).preprocess(book, {})
    page, _ = HTMLExporter().from_notebook_node(book)
    assert "seen" in page
    assert "data:image/png;base64," in page


def test_console(tmp_path: Path) -> None:
    words = ["-m", "jupyter_console", "--kernel", NAME, "--simple-prompt"]
    env = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "TERM": "xterm"}
    console = pexpect.spawn(sys.executable, words, encoding="utf-8", timeout=60, env=env)
    console.expect(r"In \[1\]: ")
    console.sendline("6 * 7")
    console.expect(r"Out\[1\]: .*42")
    console.expect(r"In \[2\]: ")
    console.sendline("input('Who? ')")
    console.expect(r"Who\? ")
    console.sendline("Ada")
    console.expect("'Ada'")
    console.expect(r"In \[3\]: ")
    console.sendline("import ctypes; ctypes.string_at(0)")
    console.expect("The variables are kept")
    console.expect(r"In \[4\]: ")
    console.close(force=True)
