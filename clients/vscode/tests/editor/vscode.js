// A VS Code (code-server) with the extension, in a headless Chromium: driven by keys, seen by what stands on the page.
"use strict";
const { spawn, execFileSync } = require("node:child_process");
const fs = require("node:fs");
const net = require("node:net");
const os = require("node:os");
const path = require("node:path");
const { chromium } = require("playwright-core");

const PATIENCE = +(process.env.PATIENCE || 60_000);
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
  "--disable-component-update", "--no-first-run", "--disable-dev-shm-usage",
];
const SETTINGS = {
  "workbench.startupEditor": "none",
  "workbench.editor.enablePreview": false,
  "workbench.tips.enabled": false,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "chat.disableAIFeatures": true,
  "telemetry.telemetryLevel": "off",
  "extensions.ignoreRecommendations": true,
  "editor.acceptSuggestionOnEnter": "off",
  "editor.minimap.enabled": false,
  "files.autoSave": "off",
  "git.enabled": false,
};

const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

// VSCODE_HOME has code-server, REPLWIRE the server's command, REPLWIRE_VSIX the extension.
class VsCode {
  static async start() {
    const self = new VsCode();
    self.folder = fs.mkdtempSync(path.join(os.tmpdir(), "replwire-vscode-"));
    self.projects = 0;
    self.write("user/User/settings.json", JSON.stringify(SETTINGS));
    self.write("config.yaml", "auth: none\n");
    const program = path.join(process.env.VSCODE_HOME, "node_modules/code-server");
    const where = ["--config", self.at("config.yaml"), "--user-data-dir", self.at("user"), "--extensions-dir", self.at("extensions")];
    execFileSync(process.execPath, [program, ...where, "--install-extension", process.env.REPLWIRE_VSIX], { stdio: ["ignore", "ignore", "inherit"] });
    self.port = await freePort();
    const options = ["--bind-addr", `127.0.0.1:${self.port}`, "--disable-telemetry", "--disable-update-check", "--disable-workspace-trust"];
    self.server = spawn(process.execPath, [program, ...where, ...options], { stdio: ["ignore", "pipe", "ignore"], env: { ...process.env, VIRTUAL_ENV: "", CONDA_PREFIX: "" } });
    await new Promise((resolve, reject) => {
      self.server.stdout.on("data", (text) => /HTTP server listening/.test(text) && resolve());
      self.server.once("exit", () => reject(new Error("code-server does not start")));
    });
    self.browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: FLAGS });
    self.page = await self.browser.newPage({ viewport: { width: 1200, height: 800 } });
    self.page.setDefaultTimeout(PATIENCE);
    return self;
  }

  async end() {
    await this.browser?.close();
    this.server?.kill();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  at(name) {
    return path.join(this.folder, name);
  }

  write(name, text) {
    fs.mkdirSync(path.dirname(this.at(name)), { recursive: true });
    fs.writeFileSync(this.at(name), text);
    return this.at(name);
  }

  // Opens a window on a new project with these files, and the first of them in it.
  async open(files, settings = {}) {
    this.project = `project-${++this.projects}`;
    const command = process.env.REPLWIRE.split(" ");
    this.write(`${this.project}/.vscode/settings.json`, JSON.stringify({ "replwire.command": command, ...settings }));
    for (const [name, text] of Object.entries(files)) this.write(`${this.project}/${name}`, text);
    const host = `127.0.0.1:${this.port}`;
    const first = path.join(this.at(this.project), Object.keys(files)[0]);
    const payload = JSON.stringify([["openFile", `vscode-remote://${host}${first}`]]);
    await this.page.goto(`http://${host}/?folder=${this.at(this.project)}&payload=${encodeURIComponent(payload)}`);
    await this.opened(first);
    await this.page.locator(".view-lines").first().click();
    await this.known();
    await this.goTo(1);
  }

  // Waits until the editor knows the extension, and so its keys.
  async known() {
    const row = this.quickInput.locator(".monaco-list-row", { hasText: "Replwire: Run Statement" }).first();
    for (let tries = 10, found = false; !found && tries > 0; tries--) {
      await this.page.keyboard.press("F1");
      await this.quickInput.locator("input").first().waitFor();
      await this.page.keyboard.insertText("Replwire: Run Statement");
      found = await row.waitFor({ timeout: PATIENCE / 10 }).then(() => true, () => false);
      await this.page.keyboard.press("Escape");
      await this.quickInput.waitFor({ state: "hidden" });
    }
  }

  async opened(name) {
    await this.page.locator(`.tab.active[data-resource-name="${path.basename(name)}"]`).waitFor();
    await this.page.locator(".editor-instance .view-lines .view-line").first().waitFor();
  }

  async openFile(name) {
    await this.page.keyboard.press("Control+P");
    await this.pick(name, path.basename(name));
    await this.opened(name);
  }

  get quickInput() {
    return this.page.locator(".quick-input-widget:visible");
  }

  // Types into the quick input, and takes the row that has this text, or that has it and no more as its label.
  async pick(text, row = text, exact = false) {
    await this.quickInput.locator("input").first().waitFor();
    await this.page.keyboard.insertText(text);
    const rows = this.quickInput.locator(".monaco-list-row");
    const label = this.page.locator(".label-name", { hasText: new RegExp(`^${literal(row)}$`) });
    const wanted = (exact ? rows.filter({ has: label }) : rows.filter({ hasText: row })).first();
    await wanted.click();
    await wanted.waitFor({ state: "hidden" }); // what is typed next is for what opens next
  }

  async asked(prompt) {
    await this.quickInput.filter({ hasText: prompt }).waitFor();
  }

  // Types into the input box with this prompt or title, which may have to open first, and takes it.
  async answer(prompt, text) {
    await this.asked(prompt);
    await this.quickInput.locator("input:focus").first().waitFor();
    await this.page.keyboard.insertText(text);
    await this.page.keyboard.press("Enter");
    await this.quickInput.filter({ hasText: prompt }).waitFor({ state: "hidden" });
  }

  async command(title) {
    await this.page.keyboard.press("F1");
    await this.pick(`Replwire: ${title}`, `Replwire: ${title}`, true);
  }

  async goTo(line, column = 1) {
    await this.page.keyboard.press("Control+G");
    await this.quickInput.locator("input").first().waitFor();
    await this.page.keyboard.insertText(`${line}:${column}`);
    await this.page.keyboard.press("Enter");
    await this.quickInput.waitFor({ state: "hidden" });
    await this.page.locator("#status\\.editor\\.selection", { hasText: `Ln ${line}, Col ${column}` }).waitFor();
  }

  async key(keys) {
    await this.page.keyboard.press(keys);
  }

  // The document in the webview of the output.
  async view() {
    await this.page.waitForFunction(() => document.querySelector("iframe.webview.ready"));
    for (;;) {
      for (const frame of this.page.frames()) {
        if (await frame.evaluate(() => document.getElementById("view") !== null).catch(() => false)) return frame;
      }
      await this.page.waitForTimeout(50);
    }
  }

  async text() {
    return (await this.view()).evaluate(() => document.getElementById("view").innerText);
  }

  // Waits until the output has this text, or matches it.
  async shows(text) {
    const pattern = text instanceof RegExp ? text.source : literal(text);
    const frame = await this.view();
    try {
      await frame.waitForFunction((source) => new RegExp(source).test(document.getElementById("view").innerText), pattern, { timeout: PATIENCE });
    } catch (problem) {
      throw new Error(`no ${text} in\n${await this.text()}\n${problem.message}`);
    }
  }

  // Waits for the status bar.
  async state(text) {
    await this.page.locator('.statusbar-item[id*="replwire"]', { hasText: text }).first().waitFor();
  }

  async note(text) {
    await this.page.locator(".notification-toast, .statusbar-item", { hasText: text }).first().waitFor();
  }

  // What stands behind the lines of the editor.
  async inline(text) {
    await this.page.waitForFunction(
      (wanted) => [...document.querySelectorAll('.view-line [class*="ced-"]')].some((span) => getComputedStyle(span, "::after").content.replaceAll("\u00a0", " ").includes(wanted)),
      text,
    );
  }

  async picture(name) {
    if (process.env.PICTURES) await this.page.screenshot({ path: path.join(process.env.PICTURES, `${name.replace(/\W+/g, "-")}.png`) });
  }
}

module.exports = { VsCode, PATIENCE };
