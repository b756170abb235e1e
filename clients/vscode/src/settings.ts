import * as vscode from "vscode";

export interface Settings {
  command: string[];
  python: string;
  options: string[];
  startup: string;
  sessionPer: "project" | "file";
  module: boolean;
  timeout: number;
  grace: number;
  outputLimit: number;
  viewLines: number;
  inlineValues: boolean;
  codeLens: boolean;
}

/** A setting, as it is now; package.json has the defaults. */
export function setting<Name extends keyof Settings>(name: Name, scope?: vscode.Uri): Settings[Name] {
  return vscode.workspace.getConfiguration("replwire", scope).get(name) as Settings[Name];
}
