import * as vscode from "vscode";
import type { App } from "./app";
import { CellLenses } from "./cell_lenses";

interface Manifest {
  contributes: { commands: { command: string; title: string }[] };
}

/** Registers what is there before anything is used; all else is loaded at the first use. */
export function activate(context: vscode.ExtensionContext): void {
  let app: App | undefined;
  /* eslint-disable @typescript-eslint/no-require-imports -- so that an unused extension costs nothing */
  const run = (name: string, words: unknown[]) => {
    app ??= new (require("./app") as typeof import("./app")).App(context);
    return (require("./commands") as typeof import("./commands")).run(app, name, words);
  };
  /* eslint-enable @typescript-eslint/no-require-imports */
  const { commands } = (context.extension.packageJSON as Manifest).contributes;
  for (const { command } of commands) {
    const name = command.replace("replwire.", "");
    context.subscriptions.push(vscode.commands.registerCommand(command, (...words: unknown[]) => run(name, words)));
  }
  context.subscriptions.push(vscode.languages.registerCodeLensProvider({ language: "python" }, new CellLenses()));
}
