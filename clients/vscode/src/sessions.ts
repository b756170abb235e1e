import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import * as vscode from "vscode";
import { moduleOf, type Range } from "./blocks";
import { Connection } from "./connection";
import { filenameOf } from "./places";
import type { Pythons } from "./python";
import { Session, type Code, type Front } from "./session";
import { setting } from "./settings";

const kMarkers = ["pyproject.toml", "setup.py", "setup.cfg", ".venv", ".git"];

/** The folder of a document's project: that of the workspace, else the nearest one above that looks like one. */
export function rootOf(document?: vscode.TextDocument): string {
  const folder = document ? vscode.workspace.getWorkspaceFolder(document.uri) : vscode.workspace.workspaceFolders?.[0];
  if (folder) return folder.uri.fsPath;
  const own = document?.uri.scheme === "file" ? dirname(document.uri.fsPath) : process.cwd();
  for (let at = own; at !== dirname(at); at = dirname(at)) {
    if (kMarkers.some((marker) => existsSync(join(at, marker)))) return at;
  }
  return own;
}

/** The sessions, and which one a document has: one for each project, or for each file, unless another one was chosen. */
export class Sessions {
  private readonly byKey = new Map<string, Session>();
  private readonly chosen = new Map<string, string>(); // {document: key}
  private readonly inModule = new Map<string, boolean>(); // {document: …}, where it differs from the setting
  private last: Session | undefined;

  constructor(
    private readonly front: Front,
    private readonly pythons: Pythons,
  ) {}

  /** The session of a document, if it is alive. */
  of(document?: vscode.TextDocument): Session | undefined {
    const session = document && this.byKey.get(this.keyOf(document));
    return session?.alive ? session : undefined;
  }

  /** That of the active editor; where that has none, the one that was used last. */
  current(): Session | undefined {
    return this.of(vscode.window.activeTextEditor?.document) ?? (this.last?.alive ? this.last : undefined);
  }

  all(): [string, Session][] {
    return [...this.byKey].filter(([, session]) => session.alive);
  }

  /** The session of a document, started if there is none. */
  async start(document?: vscode.TextDocument): Promise<Session> {
    const root = rootOf(document);
    const key = document ? this.keyOf(document) : root;
    const command = await this.pythons.command(root);
    const before = this.byKey.get(key);
    const session = before?.alive ? before : this.open(key, root, command, before);
    this.last = session;
    return session;
  }

  private open(key: string, root: string, command: string[], before?: Session): Session {
    const session = new Session(basename(key), root, this.front, new Connection(command, root), undefined, before);
    this.byKey.set(key, session);
    this.front.changed(session);
    return session;
  }

  /** A document goes on in another session. */
  choose(document: vscode.TextDocument, key: string): void {
    this.chosen.set(document.uri.toString(), key);
    this.last = this.byKey.get(key);
  }

  async branch(session: Session, name: string, document: vscode.TextDocument): Promise<void> {
    this.byKey.set(name, await session.fork(name));
    this.choose(document, name);
  }

  /** Whether the code of a document runs in the namespace of its module. */
  runsInModule(document: vscode.TextDocument): boolean {
    return this.inModule.get(document.uri.toString()) ?? setting("module", document.uri);
  }

  toggleModule(document: vscode.TextDocument): boolean {
    this.inModule.set(document.uri.toString(), !this.runsInModule(document));
    return this.runsInModule(document);
  }

  /** Lines of a document, as code. `guarded`: `__name__` is its own name, so that the main guard does not fire. */
  code(document: vscode.TextDocument, { first, last }: Range, guarded: boolean): Code {
    return this.codeOf(document, new vscode.Range(first, 0, last, document.lineAt(last).text.length), guarded);
  }

  /** Part of a document; what stands before it in its first line is blank, so that columns are those of the document. */
  codeOf(document: vscode.TextDocument, range: vscode.Range, guarded = false): Code {
    const before = document.lineAt(range.start.line).text.slice(0, range.start.character);
    const { name, packaged } = moduleOf(filenameOf(document), (folder) => existsSync(join(folder, "__init__.py")));
    const module = packaged && this.runsInModule(document) ? name : undefined;
    return {
      code: before.replace(/\S/g, " ") + document.getText(range),
      filename: filenameOf(document),
      first: range.start.line,
      last: range.end.line,
      document: document.uri.toString(),
      module,
      name: guarded && module === undefined ? name : undefined,
    };
  }

  /** All end with the editor. */
  dispose(): void {
    for (const [, session] of this.all()) if (session.branch === undefined) void session.stop();
  }

  private keyOf(document: vscode.TextDocument): string {
    const chosen = this.chosen.get(document.uri.toString());
    if (chosen !== undefined && this.byKey.get(chosen)?.alive) return chosen;
    return setting("sessionPer", document.uri) === "file" ? filenameOf(document) : rootOf(document);
  }
}
