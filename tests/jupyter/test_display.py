"""What the libraries people use show: each once, in the forms that front ends take."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from kernels import Kernel

FRAME = "import pandas as pd\nframe = pd.DataFrame({'a': [1, 2]})\n"

PLOTLY = "import plotly.graph_objects as go\nfig = go.Figure(go.Scatter(y=[1, 2]))\n"

# Code, and one form that what it shows has.
SHOWN = {
    "matplotlib": ("import matplotlib.pyplot as plt\nplt.plot([1, 2]);", "image/png"),
    "matplotlib's show": ("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()", "image/png"),
    "pandas": (f"{FRAME}frame", "text/html"),
    "pandas' Styler": (f"{FRAME}frame.style.highlight_max()", "text/html"),
    "polars": ("import polars as pl\npl.DataFrame({'a': [1, 2]})", "text/html"),
    "PIL": ("from PIL import Image\nImage.new('RGB', (8, 8), 'red')", "image/png"),
    "sympy": ("import sympy\nsympy.Symbol('x') ** 2", "text/latex"),
    "altair": (
        f"import altair as alt\n{FRAME}alt.Chart(frame).mark_point().encode(x='a')",
        "text/html",
    ),
    "plotly": (f"{PLOTLY}fig", "application/vnd.plotly.v1+json"),
    "plotly's show": (f"{PLOTLY}fig.show()", "application/vnd.plotly.v1+json"),
    "HTML": ("from IPython.display import HTML\nHTML('<b>x</b>')", "text/html"),
    "Markdown": ("from IPython.display import Markdown\nMarkdown('**x**')", "text/markdown"),
    "JSON": ("from IPython.display import JSON\nJSON({'a': 1})", "application/json"),
    "Audio": ("from IPython.display import Audio\nAudio([0, 1, 0], rate=8000)", "text/html"),
    "IPython's display": ("from IPython.display import display, HTML\ndisplay(HTML('x'))", "text/html"),
}


@pytest.fixture(scope="module", params=["auto", "never"])
def kernel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """With IPython and without."""
    state = tmp_path_factory.mktemp("state")
    made = Kernel("--python", sys.prefix, "--", "--ipython", request.param, state=state)
    yield made
    made.close()


@pytest.mark.parametrize("name", SHOWN)
def test_is_shown_once(kernel: Kernel, name: str) -> None:
    code, kind = SHOWN[name]
    told = kernel.run(code)
    assert told.reply["status"] == "ok", told.reply
    shown = [*told.of("display_data"), *told.of("execute_result")]
    assert len(shown) == 1
    assert kind in shown[0]["data"], list(shown[0]["data"])
    assert told.text("stderr") == ""


def test_metadata_of_a_bundle(kernel: Kernel) -> None:
    code = """class Both:
    def _repr_mimebundle_(self, include=None, exclude=None):
        return {'text/html': 'x'}, {'text/html': {'isolated': True}}
Both()"""
    [told] = kernel.run(code).of("execute_result")
    assert told["data"]["text/html"] == "x"
    assert told["metadata"] == {"text/html": {"isolated": True}}


def test_update_display(kernel: Kernel) -> None:
    code = """from IPython.display import display, update_display
display('one', display_id='it')
update_display('two', display_id='it')"""
    told = kernel.run(code)
    [updated] = told.of("update_display_data")
    assert updated["data"] == {"text/plain": "'two'"}
    assert updated["transient"] == {"display_id": "it"}


def test_rich_and_tqdm(kernel: Kernel) -> None:
    told = kernel.run("from rich import print as show\nshow('[bold]loud[/bold]')")
    assert "loud" in told.text()
    told = kernel.run("from tqdm.auto import tqdm\nfor _ in tqdm(range(3)): pass")
    assert told.reply["status"] == "ok"
    assert "3/3" in told.text("stderr")
