import * as vscode from "vscode";
import { Ask } from "./ask";
import { Diagnostics } from "./diagnostics";
import { Inline } from "./inline";
import { Inputs } from "./inputs";
import { OutputView } from "./output_view";
import { goTo, openDocument } from "./places";
import { Pythons } from "./python";
import type { Code, Front, Severity } from "./session";
import { Sessions } from "./sessions";
import { setting } from "./settings";
import { Status } from "./status";
import { Variables } from "./variables";

const kNote = 5000; // milliseconds that a note stands in the status bar

/** Puts the parts together; made when the extension is used for the first time. */
export class App {
  readonly diagnostics = new Diagnostics();
  readonly inline = new Inline(() => setting("inlineValues"));
  readonly inputs = new Inputs();
  readonly pythons: Pythons;
  readonly sessions: Sessions;
  readonly variables = new Variables();
  private readonly status = new Status();
  private readonly view: OutputView;
  private sending = Promise.resolve();

  constructor(context: vscode.ExtensionContext) {
    this.pythons = new Pythons(context.workspaceState);
    this.sessions = new Sessions(this.front(), this.pythons);
    this.view = new OutputView(vscode.Uri.joinPath(context.extensionUri, "media"), (session, filename, line) => void goTo(filename, line, session.root));
    context.subscriptions.push(
      ...[this.diagnostics, this.inline, this.inputs, this.status, this.sessions],
      vscode.window.registerWebviewViewProvider("replwire.output", this.view),
      vscode.window.registerTreeDataProvider("replwire.variables", this.variables),
      vscode.window.onDidChangeActiveTextEditor(() => this.refresh()),
      new Ask((document) => this.sessions.of(document)).register(),
    );
    void vscode.commands.executeCommand("setContext", "replwire.used", true);
  }

  /** Runs code in the session of a document, behind what was sent before. */
  run(document: vscode.TextDocument, code: Code): void {
    this.sending = this.sending.then(() => this.send(document, code)).catch((problem: unknown) => this.note(String(problem), "error"));
  }

  private async send(document: vscode.TextDocument, code: Code): Promise<void> {
    if (!this.sessions.of(document)) await this.open();
    const session = await this.sessions.start(document);
    this.refresh();
    await session.execute(code).catch(() => {}); // the end of the session is told by itself
  }

  /** What shows the current session shows what it is now. */
  refresh(): void {
    const session = this.sessions.current();
    this.status.show(session);
    this.variables.show(session);
    if (session) this.view.show(session);
  }

  /** Opens the output, without going there. */
  async open(): Promise<void> {
    await vscode.commands.executeCommand("replwire.output.focus", { preserveFocus: true });
  }

  note(text: string, severity: Severity = "info"): void {
    if (severity === "error") void vscode.window.showErrorMessage(`Replwire: ${text}`);
    else if (severity === "warning") void vscode.window.showWarningMessage(`Replwire: ${text}`);
    else vscode.window.setStatusBarMessage(`Replwire: ${text}`, kNote);
  }

  private front(): Front {
    return {
      options: () => ({
        outputLimit: setting("outputLimit"),
        timeout: setting("timeout"),
        grace: setting("grace"),
        viewLines: setting("viewLines"),
        inline: setting("inlineValues"),
      }),
      changed: () => this.refresh(),
      touched: (session) => this.view.touched(session),
      began: (execution) => {
        if (execution.document !== undefined) this.diagnostics.clear(execution.document);
        this.inline.began(execution);
      },
      show: (execution, text, kind) => this.inline.show(execution, text, kind),
      value: (execution, line, text) => this.inline.show(execution, `= ${text}`, "value", line),
      error: (execution, frame) => {
        const innermost = frame.frames?.find(({ filename }) => openDocument(filename));
        if (innermost) this.diagnostics.show(execution, frame, this.inline.shift(execution));
      },
      ask: (question) => this.inputs.ask(question),
      withdraw: (question) => this.inputs.withdraw(question),
      note: (text, severity) => this.note(text, severity),
    };
  }
}
