"""doctest files, modules and Markdown, played as they are."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest
from conftest import ROOT
from transcripts import run

DOCTEST = """\
doctest's own
=============

>>> import sys
>>> print('to stderr', file=sys.stderr)   # which doctest does not look at
>>> print('< this is no answer')
< this is no answer
>>> print('/x/')
/x/
>>> for n in range(2):
...     n
...
0
1
>>> 1; 2
1
2
    >>> print(list(range(20)))  # doctest: +ELLIPSIS
    [0, 1, ..., 18, 19]
>>> print('a\\tb')  # doctest: +NORMALIZE_WHITESPACE
a  b
>>> {}['key']
Traceback (most recent call last):
    anything
KeyError: 'key'
>>> int('x')  # doctest: +IGNORE_EXCEPTION_DETAIL
Traceback (most recent call last):
ValueError: something else
>>> 1/0  # doctest: +SKIP
>>> True
1
>>> class E(Exception): pass
>>> raise E('mine')
Traceback (most recent call last):
E: mine
>>> import decimal
>>> decimal.Decimal(1) / 0
Traceback (most recent call last):
decimal.DivisionByZero: [<class 'decimal.DivisionByZero'>]
>>> print('printed'); 1/0
Traceback (most recent call last):
ZeroDivisionError: division by zero
>>> print('a', end='')
a
"""


def test_a_doctest_file_runs_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(DOCTEST)
    by_doctest = doctest.testfile(str(path), module_relative=False, verbose=False)
    assert by_doctest.failed == 0  # so that what follows means something
    told = run("run", "a.txt", cwd=tmp_path)
    assert (told.stdout, told.returncode) == ("", 0)


@pytest.mark.parametrize(
    "text", [">>> 1\n2\n", ">>> print('a...')\na\n", ">>> 'xyz'\n'x...'\n", ">>> 1/0\n"]
)
def test_a_doctest_file_that_differs(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.rst").write_text(text)
    assert run("run", "a.rst", cwd=tmp_path).returncode == 1


def test_flags_for_all(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(">>> print('a  b')\na b\n")
    assert run("run", "-o", "NORMALIZE_WHITESPACE", "a.txt", cwd=tmp_path).returncode == 0


# Doctests that others wrote: the standard library's own.
@pytest.mark.parametrize("name", ["heapq", "statistics", "difflib", "collections"])
def test_a_module_of_the_standard_library(tmp_path: Path, name: str) -> None:
    module = importlib.import_module(name)
    by_doctest = doctest.testmod(module)
    assert by_doctest.attempted
    assert not by_doctest.failed
    told = run("run", module.__file__, cwd=tmp_path)
    assert (told.stdout, told.returncode) == ("", 0)


def test_a_module_that_differs(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(
        'def one():\n    """\n    >>> one()\n    1\n    >>> leaked = 1\n    """\n    return 1\n'
        'def two():\n    """\n    >>> leaked\n    1\n    """\n'
    )
    told = run("run", "m.py", cwd=tmp_path)
    assert "NameError: name 'leaked'" in told.stdout
    assert told.stdout.count("@@ ") == 1


MARKDOWN = """\
# A page

```python
import math
def area(r):

    return math.pi * r ** 2
```

As in

```pycon
>>> round(area(2), 2)
12.57
```

1. a list
   ```python
   >>> area(0)
   0.0
   ```
   ~~~~ py title="x.py"
   text = '''
   ```
   '''
   ~~~~

```sh
>>> this is not Python
```

```replwire
>>> input('Who? ') + text
Who?
< Ada
/'Ada.*/
```
"""


def test_markdown(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(MARKDOWN)
    told = run("run", "a.md", cwd=tmp_path)
    assert (told.stdout, told.returncode) == ("", 0)


def test_markdown_that_differs(tmp_path: Path) -> None:
    text = MARKDOWN.replace("12.57", "12.58").replace("'Ada.*", "'Bob.*")
    text = text.replace("import math", "import nomath")
    (tmp_path / "a.md").write_text(text)
    told = run("run", "a.md", cwd=tmp_path)
    assert told.stdout.count("\n+") > 3
    assert "+ModuleNotFoundError: No module named 'nomath'\n ```\n" in told.stdout
    assert run("run", "--update", "a.md", cwd=tmp_path).returncode == 1  # code is not rewritten
    assert "import nomath" in (tmp_path / "a.md").read_text()


def test_markdown_is_updated(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(MARKDOWN.replace("12.57", "x\nx").replace("0.0", "y"))
    assert run("run", "--update", "a.md", cwd=tmp_path).returncode == 0
    assert (tmp_path / "a.md").read_text() == MARKDOWN


def test_a_page_of_this_project(tmp_path: Path) -> None:
    told = run("run", ROOT / "docs" / "python.md", cwd=tmp_path)
    assert (told.stdout, told.returncode) == ("", 0)
