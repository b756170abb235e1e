import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import * as vscode from "vscode";

/** What the wire calls a document: tracebacks and breakpoints name it so. */
export function filenameOf(document: vscode.TextDocument): string {
  return document.uri.scheme === "file" ? document.uri.fsPath : document.uri.toString();
}

/** The document that a traceback names, or a header by its path in the project. */
export function uriOf(filename: string, root = ""): vscode.Uri | undefined {
  if (/^[a-z][\w+.-]+:/.test(filename)) return vscode.Uri.parse(filename);
  const path = isAbsolute(filename) ? filename : join(root, filename);
  return existsSync(path) ? vscode.Uri.file(path) : undefined;
}

/** The open document of that name. */
export function openDocument(filename: string): vscode.TextDocument | undefined {
  return vscode.workspace.textDocuments.find((document) => filenameOf(document) === filename);
}

/** Goes to a line, counted from 1. */
export async function goTo(filename: string, line: number, root = ""): Promise<void> {
  const uri = uriOf(filename, root);
  if (!uri) return void vscode.window.showInformationMessage(`Replwire: ${filename} is not here`);
  const at = new vscode.Position(Math.max(0, line - 1), 0);
  await vscode.window.showTextDocument(uri, { selection: new vscode.Range(at, at) });
}
