import { basename } from "node:path";
import * as vscode from "vscode";
import type { App } from "./app";
import { blockAt, cellAt, statementAt, type Range } from "./blocks";
import type { Checkpoint, Replies } from "./frames";
import { goTo } from "./places";
import type { Session } from "./session";
import { rootOf } from "./sessions";
import { setting } from "./settings";

type Command = (app: App, ...words: unknown[]) => unknown;

function editor(): vscode.TextEditor {
  const found = vscode.window.activeTextEditor;
  if (!found) throw new Error("there is no editor to send from");
  return found;
}

function current(app: App): Session {
  const session = app.sessions.current();
  if (!session) throw new Error("no session runs here; send something to start one");
  return session;
}

function linesOf(document: vscode.TextDocument): string[] {
  return document.getText().split(/\r?\n/);
}

function send(app: App, document: vscode.TextDocument, range: Range | undefined, guarded = false): void {
  if (!range) throw new Error("there is nothing to send here");
  let { last } = range;
  while (last > range.first && document.lineAt(last).isEmptyOrWhitespace) last--;
  app.run(document, app.sessions.code(document, { first: range.first, last }, guarded));
}

function sendAtCursor(app: App, find: (lines: string[], line: number) => Range | undefined, advance = false): void {
  const { document, selection } = editor();
  const range = find(linesOf(document), selection.active.line);
  send(app, document, range);
  if (!advance || !range) return;
  const next = new vscode.Position(Math.min(range.last + 1, document.lineCount - 1), 0);
  editor().selection = new vscode.Selection(next, next);
  editor().revealRange(new vscode.Range(next, next));
}

function sendDocument(app: App, document: vscode.TextDocument, guarded: boolean): void {
  send(app, document, { first: 0, last: document.lineCount - 1 }, guarded);
}

/** Without a selection, the statement at the cursor. */
function sendSelection(app: App): void {
  const { document, selection } = editor();
  if (selection.isEmpty) return sendAtCursor(app, statementAt, true);
  // A selection of whole lines ends at the beginning of the next one.
  const end = selection.end.character === 0 ? document.lineAt(selection.end.line - 1).range.end : selection.end;
  app.run(document, app.sessions.codeOf(document, new vscode.Range(selection.start, end)));
}

async function sendCell(app: App, uri?: unknown, range?: unknown): Promise<void> {
  if (uri === undefined) return sendAtCursor(app, cellAt);
  send(app, await vscode.workspace.openTextDocument(uri as vscode.Uri), range as Range);
}

async function sendFile(app: App, uri?: unknown): Promise<void> {
  const document = await vscode.workspace.openTextDocument((uri as vscode.Uri | undefined) ?? editor().document.uri);
  if (uri === undefined && document.isDirty) await document.save();
  sendDocument(app, document, true);
}

async function sendText(app: App): Promise<void> {
  const code = await vscode.window.showInputBox({ title: "Run Python code" });
  if (!code) return;
  const document = vscode.window.activeTextEditor?.document;
  const session = app.sessions.current() ?? (await app.sessions.start(document));
  await session.execute({ code, first: 0, last: 0 });
}

async function restart(app: App): Promise<void> {
  const session = current(app);
  const running = session.whatRuns();
  await session.stop(1000);
  await app.sessions.start(vscode.window.activeTextEditor?.document);
  app.refresh();
  app.note(running ? `restarted; what was running: ${running}` : "restarted", running ? "warning" : "info");
}

async function checkpoint(app: App): Promise<void> {
  const session = current(app);
  const name = await vscode.window.showInputBox({ title: "Name of the checkpoint" });
  if (name === undefined) return;
  await session.request("checkpoint", name ? { name } : {});
  app.note(`checkpoint taken${name ? `: ${name}` : ""}`);
}

function labelOf({ name, automatic, execution_count: count, age }: Checkpoint): string {
  return `${name ?? (automatic ? "automatic" : "checkpoint")}, after [${count ?? " "}], ${Math.round(age)} s ago`;
}

async function restore(app: App): Promise<void> {
  const session = current(app);
  const { checkpoints } = await session.request("checkpoints");
  const items = checkpoints.reverse().map((each) => ({ label: labelOf(each), id: each.checkpoint_id }));
  const choice = await vscode.window.showQuickPick(items, { title: "Restore" });
  if (choice) await session.request("restore", { checkpoint_id: choice.id });
}

async function branch(app: App): Promise<void> {
  const { document } = editor();
  const session = current(app);
  const name = await vscode.window.showInputBox({ title: "Name of the branch: this file goes on in it, from the state as it is" });
  if (!name) return;
  await app.sessions.branch(session, name, document);
  app.refresh();
  app.note(`${basename(document.uri.path)} runs in the branch ${name}`);
}

async function chooseSession(app: App): Promise<void> {
  const { document } = editor();
  const items = app.sessions.all().map(([key, session]) => ({ label: session.name, description: session.state().state, detail: key, key }));
  const choice = await vscode.window.showQuickPick(items, { title: `The session of ${basename(document.uri.path)}` });
  if (choice) app.sessions.choose(document, choice.key);
  app.refresh();
}

const kOther = "Enter a path …";
const kFound = "As the editor and the server find it";

async function choosePython(app: App): Promise<void> {
  const root = rootOf(vscode.window.activeTextEditor?.document);
  const choice = await vscode.window.showQuickPick([kFound, kOther, ...(await app.pythons.list(root))], { title: `Python of ${root}` });
  const path = choice === kOther ? await vscode.window.showInputBox({ title: "An interpreter, or a virtual environment" }) : choice;
  if (!path) return;
  await app.pythons.choose(root, path === kFound ? undefined : path);
  if (app.sessions.current()) await restart(app);
}

function statusLine(session: Session, reply: Replies["status"]): string {
  const queued = reply.queued > 0 ? `; ${reply.queued} queued` : "";
  return `${session.name} is ${reply.state.replaceAll("_", " ")}${queued}; ${Math.round(reply.memory_usage / 1e6)} MB`;
}

/** Where it is now: the stack, the innermost call first. */
async function where(app: App): Promise<void> {
  const session = current(app);
  const reply = await session.request("status", { stack: true });
  const items = (reply.stack ?? []).reverse().map((place) => ({
    label: `${place.function}`,
    description: `${basename(place.filename)}, line ${place.line}`,
    place,
  }));
  const running = session.whatRuns();
  const title = statusLine(session, reply) + (running ? `; ${running}` : "");
  const placeHolder = reply.stack_unavailable ?? (items.length > 0 ? "The innermost call first" : "No Python code runs");
  const choice = await vscode.window.showQuickPick(items, { title, placeHolder });
  if (choice) await goTo(choice.place.filename, choice.place.line, session.root);
}

function answerWith(fields: { eof: true } | { error: string }): Command {
  return (app) => {
    const question = app.inputs.first();
    if (!question) throw new Error("nothing is asked");
    question.session.answer(question, fields);
  };
}

function clear(app: App): void {
  app.sessions.current()?.output.clear();
  const document = vscode.window.activeTextEditor?.document;
  if (!document) return;
  app.inline.clear(document);
  app.diagnostics.clear(document.uri.toString());
}

function toggleModule(app: App): void {
  const { document } = editor();
  const on = app.sessions.toggleModule(document);
  app.note(`code of ${basename(document.uri.path)} runs in ${on ? "its own module" : "__main__"}`);
}

const kMenu: Record<string, string> = {
  interrupt: "Interrupt",
  where: "Where is it now?",
  restart: "Restart",
  undo: "Undo the last execution",
  checkpoint: "Take a checkpoint",
  restore: "Restore a checkpoint",
  branch: "Branch",
  chooseSession: "Choose the session of this file",
  choosePython: "Choose Python",
  output: "Show the output",
  stop: "End the session",
};

async function menu(app: App): Promise<void> {
  const items = Object.entries(kMenu).map(([name, label]) => ({ label, name }));
  const choice = await vscode.window.showQuickPick(items, { title: app.sessions.current()?.name });
  if (choice) await run(app, choice.name, []);
}

export const commands: Record<string, Command> = {
  selection: sendSelection,
  statement: (app) => sendAtCursor(app, statementAt),
  block: (app) => sendAtCursor(app, blockAt),
  cell: sendCell,
  cellAdvance: (app) => sendAtCursor(app, cellAt, true),
  buffer: (app) => sendDocument(app, editor().document, true),
  main: (app) => sendDocument(app, editor().document, false),
  file: sendFile,
  text: sendText,
  interrupt: (app) => current(app).interrupt(setting("grace")),
  stop: (app) => current(app).stop(),
  restart,
  undo: (app) => current(app).request("undo"),
  checkpoint,
  restore,
  branch,
  chooseSession,
  choosePython,
  where,
  answer: (app) => app.inputs.again(),
  eof: answerWith({ eof: true }),
  refuse: answerWith({ error: "refused in the editor" }),
  output: (app) => app.open(),
  clear,
  toggleModule,
  moreVariables: (app, path) => app.variables.more(path as string[]),
  menu,
};

/** Runs a command; what it cannot do it says. */
export async function run(app: App, name: string, words: unknown[]): Promise<void> {
  try {
    await commands[name]?.(app, ...words);
  } catch (problem) {
    app.note(problem instanceof Error ? problem.message : String(problem), "warning");
  }
}
