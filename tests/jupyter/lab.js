// node lab.js URL FOLDER [STEP...]: drives a JupyterLab in Chromium as a person would; a picture of each step goes to FOLDER.
"use strict";
const { chromium } = require("playwright-core");

const [url, folder, ...wanted] = process.argv.slice(2);
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
  "--disable-component-update", "--no-first-run", "--disable-dev-shm-usage",
];
const PATIENCE = +(process.env.PATIENCE || 60_000);

function check(condition, text) {
  if (!condition) throw new Error(text);
}

class Notebook {
  constructor(page) {
    this.page = page;
    this.cells = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell");
  }

  get last() {
    return this.cells.last();
  }

  // Types a cell at the end.
  async type(code) {
    const editor = this.last.locator(".cm-content");
    await editor.click();
    await this.page.keyboard.press("Control+A");
    await this.page.keyboard.insertText(code);
  }

  // Runs it, which makes another one below; gives the cell that runs.
  async start(code) {
    await this.type(code);
    const number = await this.cells.count();
    await this.page.keyboard.press("Shift+Enter");
    await this.cells.nth(number).waitFor({ timeout: PATIENCE });
    return this.cells.nth(number - 1);
  }

  async run(code) {
    const cell = await this.start(code);
    await this.ended(cell);
    return cell;
  }

  async ended(cell) {
    const prompt = cell.locator(".jp-InputPrompt");
    await prompt.filter({ hasText: /\[\d+\]/ }).waitFor({ timeout: PATIENCE });
  }

  async shows(cell, text) {
    await cell.locator(".jp-OutputArea").filter({ hasText: text }).first().waitFor({ timeout: PATIENCE });
  }

  async noDialog() {
    check((await this.page.locator(".jp-Dialog").count()) === 0, "a dialog has appeared");
  }

  async picture(name, cell) {
    if (cell) await cell.scrollIntoViewIfNeeded();
    await this.page.screenshot({ path: `${folder}/${name}.png` });
  }
}

const steps = {
  // The two pictures of docs/jupyter.md; only when asked for.
  async docs(book) {
    const panel = book.page.locator(".jp-NotebookPanel-notebook");
    await book.page.setViewportSize({ width: 860, height: 560 });
    await book.page.keyboard.press("Control+B");
    await book.run("names = ['Ada', 'Grace', 'Katherine']");
    const crash = await book.run("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)");
    await book.shows(crash, "The variables are kept");
    await book.shows(await book.run("names"), "Katherine");
    await panel.screenshot({ path: `${folder}/jupyter-crash.png` });
    await book.page.setViewportSize({ width: 860, height: 640 });
    await steps.plot(book);
    await panel.screenshot({ path: `${folder}/jupyter-plot.png` });
  },

  async output(book) {
    const cell = await book.run("name = 'Ada'\nprint('Hello,', name)\n6 * 7");
    await book.shows(cell, "Hello, Ada");
    await book.shows(cell, "42");
  },

  async error(book) {
    const cell = await book.run("def half(n):\n    return n / 0\n\nhalf(1)");
    await book.shows(cell, /ZeroDivisionError: division by zero/);
  },

  async plot(book) {
    const cell = await book.run(
      "import matplotlib.pyplot as plt, numpy as np\nx = np.linspace(0, 6, 200)\n" +
        "plt.figure(figsize=(5, 2))\nplt.plot(x, np.sin(x));");
    await cell.locator(".jp-OutputArea img").waitFor({ timeout: PATIENCE });
  },

  async table(book) {
    const cell = await book.run("import pandas as pd\npd.DataFrame({'city': ['Oslo', 'Rome'], 'people': [709, 2748]})");
    await cell.locator(".jp-OutputArea table").waitFor({ timeout: PATIENCE });
  },

  async input(book) {
    const cell = await book.start("f\"Hello, {input('Your name? ')}!\"");
    const box = cell.locator(".jp-Stdin-input");
    await box.waitFor({ timeout: PATIENCE });
    await book.picture("input-box", cell);
    await box.fill("Grace");
    await box.press("Enter");
    await book.shows(cell, "Hello, Grace!");
  },

  async stop(book) {
    for (const code of ["while True: pass", "import time; time.sleep(600)"]) {
      const cell = await book.start(`print('runs')\n${code}`);
      await book.shows(cell, "runs");
      await book.page.locator('[data-command="notebook:interrupt-kernel"], [data-jp-item-name="interrupt"] *').first().click();
      await book.shows(cell, "KeyboardInterrupt");
      await book.ended(cell);
    }
  },

  async crash(book) {
    await book.run("kept = list(range(10))");
    const cell = await book.run("import ctypes\nctypes.string_at(0)");
    await book.shows(cell, "SIGSEGV");
    await book.shows(cell, "The variables are kept");
    const next = await book.run("sum(kept)");
    await book.shows(next, "45");
    await book.noDialog();
  },

  async undo(book) {
    await book.run("numbers = [3, 1, 2]");
    await book.run("numbers.clear()");
    await book.run("%undo");
    await book.shows(await book.run("numbers"), "[3, 1, 2]");
  },

  async complete(book) {
    await book.run("wonderful_name = 1");
    await book.type("wonderf");
    await book.page.keyboard.press("Tab");
    const filled = book.last.locator(".cm-content").filter({ hasText: "wonderful_name" });
    const list = book.page.locator(".jp-Completer-item");
    await Promise.race([filled.waitFor({ timeout: PATIENCE }), list.first().waitFor({ timeout: PATIENCE })]);
    await book.type("name.");
    await book.page.keyboard.press("Tab");
    await list.filter({ hasText: "capitalize" }).first().waitFor({ timeout: PATIENCE });
  },

  async inspect(book) {
    await book.page.keyboard.press("Escape");
    await book.type("sorted(");
    await book.page.keyboard.press("Shift+Tab");
    await book.page.locator(".jp-Tooltip").filter({ hasText: /iterable/ }).waitFor({ timeout: PATIENCE });
  },

  async slider(book) {
    await book.page.keyboard.press("Escape");
    const cell = await book.run(
      "import ipywidgets as widgets\nslider = widgets.IntSlider(value=3, max=10)\nlabel = widgets.Label('at rest')\n" +
        "def moved(change):\n    label.value = f'moved to {change.new}'\nslider.observe(moved, 'value')\nwidgets.VBox([slider, label])");
    const handle = cell.locator(".noUi-handle");
    await handle.waitFor({ timeout: PATIENCE });
    await handle.focus();
    await book.page.keyboard.press("ArrowRight");
    await book.page.keyboard.press("ArrowRight");
    await book.shows(cell, "moved to 5");
    await book.shows(await book.run("slider.value"), "5");
  },

  async restart(book) {
    await book.page.keyboard.press("Escape");
    await book.page.locator('[data-jp-item-name="restart"] *').first().click();
    await book.page.locator(".jp-Dialog .jp-mod-accept").click();
    await book.shows(await book.run("'name' in globals()"), "False");
    await book.noDialog();
  },
};

async function main() {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: FLAGS });
  const page = await browser.newPage({ viewport: { width: 1100, height: 760 } });
  try {
    await page.goto(url, { timeout: PATIENCE });
    const book = new Notebook(page);
    await book.last.waitFor({ timeout: PATIENCE });
    // A cell that is run before the kernel is there is not run.
    await page.waitForFunction(() => {
      const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
      return kernel?.connectionStatus === "connected" && kernel.status === "idle";
    }, null, { timeout: PATIENCE });
    for (const [name, step] of Object.entries(steps)) {
      if (wanted.length ? !wanted.includes(name) : name === "docs") continue;
      await step(book).catch(async (error) => {
        await book.picture(`${name}-failed`);
        throw new Error(`${name}: ${error.message}`);
      });
      await book.last.scrollIntoViewIfNeeded();
      await book.picture(name);
      console.log(`${name}: passed`);
    }
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
