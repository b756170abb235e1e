import assert from "node:assert/strict";
import Module from "node:module";
import { test } from "node:test";
import { basename, join } from "node:path";

/* eslint-disable @typescript-eslint/no-require-imports -- modules are loaded anew here */

const kSource = join(__dirname, "../../src");

/** Loads modules with this in place of the editor. */
function withEditor<Result>(editor: object, body: () => Result): Result {
  const loader = Module as unknown as { _load(request: string, ...rest: unknown[]): unknown };
  const load = loader._load;
  loader._load = (request, ...rest) => (request === "vscode" ? editor : load(request, ...rest));
  try {
    return body();
  } finally {
    loader._load = load;
  }
}

const isOurs = (file: string) => file.startsWith(kSource);

/** Loads the extension anew and activates it: the milliseconds that this takes, and what it registers. */
function activate() {
  Object.keys(require.cache).filter(isOurs).forEach((file) => delete require.cache[file]);
  const commands: string[] = [];
  const packageJSON: unknown = require("../../../package.json");
  const editor = {
    commands: { registerCommand: (name: string) => commands.push(name.replace("replwire.", "")) },
    languages: { registerCodeLensProvider: () => ({}) },
  };
  return withEditor(editor, () => {
    const begin = performance.now();
    const extension = require("../../src/extension") as typeof import("../../src/extension");
    extension.activate({ subscriptions: [], extension: { packageJSON } } as never);
    return { time: performance.now() - begin, commands, loaded: Object.keys(require.cache).filter(isOurs) };
  });
}

test("loaded and unused it costs less than a millisecond", () => {
  const rounds = Array.from({ length: 30 }, activate);
  const best = Math.min(...rounds.map(({ time }) => time));
  console.log(`   the extension, loaded and unused: ${best.toFixed(2)} ms`);
  const loaded = rounds[0]?.loaded.map((file) => basename(file)).sort();
  assert.deepEqual(loaded, ["blocks.js", "cell_lenses.js", "extension.js"]);
  assert.ok(best < 1, String(best));
});

test("each command of the manifest is there", () => {
  const { commands } = withEditor({}, () => require("../../src/commands") as typeof import("../../src/commands"));
  assert.deepEqual(activate().commands.sort(), Object.keys(commands).sort());
});
