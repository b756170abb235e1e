// node record.js FOLDER: plays a session in a VS Code; FOLDER gets a picture of each step, named by its number and seconds.
"use strict";
const path = require("node:path");
const { VsCode } = require("./vscode");

const DEMO = `# %%
prices = {"tea": 3.5, "cake": 4.25}
who = input("Who pays? ")
f"{who} pays {sum(prices.values())}"

# %%
def share(total, people):
    return total / people

share(7.75, 0)

# %%
import ctypes; ctypes.string_at(0)

# %%
prices
prices["te
`;

async function main(folder) {
  const code = await VsCode.start();
  let number = 0;
  const step = async (seconds, act) => {
    await act();
    await code.page.waitForTimeout(500); // until what moves has come to rest
    await code.page.screenshot({ path: path.join(folder, `${String(number++).padStart(2, "0")}-${seconds}.png`) });
  };
  try {
    await code.page.setViewportSize({ width: 1000, height: 660 });
    await code.open({ "demo.py": DEMO }, { "workbench.colorTheme": "Default Dark Modern", "workbench.activityBar.location": "hidden" });
    await step(2, () => code.key("Control+B"));
    const lens = (at) => code.page.locator(".codelens-decoration a", { hasText: /^Run Cell$/ }).nth(at);
    await step(3, async () => { await lens(0).click(); await code.asked("Who pays?"); });
    await step(1, () => code.page.keyboard.insertText("Ada"));
    await step(3, async () => { await code.key("Enter"); await code.shows("'Ada pays 7.75'"); });
    await step(4, async () => { await lens(1).click(); await code.shows("ZeroDivisionError"); });
    await step(4, async () => { await lens(2).click(); await code.shows("Python died of SIGSEGV"); });
    await code.key("F1");
    await code.pick("Notifications: Clear All Notifications");
    await step(4, async () => { await code.goTo(16); await code.key("Alt+Enter"); await code.shows("{'tea': 3.5, 'cake': 4.25}"); });
    await step(3, async () => { await code.goTo(17, 11); await code.key("Control+Space"); await code.page.locator(".suggest-widget .monaco-list-row").first().waitFor(); });
    await step(4, async () => {
      await code.key("Escape");
      await code.page.locator('.pane:has(.pane-header[aria-label^="Variables"]) .monaco-list-row', { hasText: "prices" }).locator(".monaco-tl-twistie").click();
      await code.page.locator(".monaco-list-row", { hasText: "float = 4.25" }).waitFor();
    });
    await step(4, () => code.command("Undo the Last Execution"));
  } catch (problem) {
    await code.page.screenshot({ path: path.join(folder, "failed.png") });
    throw problem;
  } finally {
    await code.end();
  }
}

main(process.argv[2]);
