"""lab.py FOLDER [STEP...]: a JupyterLab with the kernel, driven by lab.js; pictures go to FOLDER."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
EMPTY = {"cell_type": "code", "id": "first", "metadata": {}, "outputs": [], "source": "", "execution_count": None}


def main() -> int:
    pictures, *steps = sys.argv[1:]
    Path(pictures).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        spec = {"name": "replwire-test", "display_name": "replwire", "language": "python"}
        notebook = {"cells": [EMPTY], "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}
        root = Path(folder) / "notebooks"
        root.mkdir()
        (root / "notebook.ipynb").write_text(json.dumps(notebook))
        settings = Path(folder) / "JUPYTER_CONFIG_DIR" / "labconfig"
        settings.mkdir(parents=True)
        quiet = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
        (settings / "page_config.json").write_text(json.dumps(quiet))
        words = ["-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ServerApp.token=test", "--port=0"]
        words += ["--expose-app-in-browser"]
        words += [f"--ServerApp.root_dir={root}", "--LabApp.news_url=", "--ServerApp.open_browser=False"]
        own = {name: f"{folder}/{name}" for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR")}
        server = subprocess.Popen(
            [sys.executable, *words], stderr=subprocess.PIPE, text=True, env={**os.environ, **own}
        )
        try:
            assert server.stderr is not None
            said = []
            for line in server.stderr:
                said.append(line)
                if " is running at:" in line:
                    break
            address = next((each for each in server.stderr if "http://" in each), None)
            if address is None:
                sys.exit("JupyterLab does not start:\n" + "".join(said))
            port = address.split("://")[1].split("/")[0]
            url = f"http://{port}/lab/tree/notebook.ipynb?token=test"
            with open(Path(pictures) / "jupyterlab.log", "w") as log:
                reader = subprocess.Popen(["cat"], stdin=server.stderr, stdout=log)
                status = subprocess.run(["node", str(HERE / "lab.js"), url, pictures, *steps]).returncode
        finally:
            server.terminate()
            server.wait()
        reader.wait()
        return status


if __name__ == "__main__":
    sys.exit(main())
