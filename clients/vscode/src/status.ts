import * as vscode from "vscode";
import type { Session } from "./session";

const kIcons = { dead: "error", starting: "loading~spin", "waiting for input": "question", busy: "sync~spin", idle: "terminal" };

/** What the session of the active editor does, in the status bar. */
export class Status {
  private readonly item = vscode.window.createStatusBarItem("replwire", vscode.StatusBarAlignment.Right, 100);

  constructor() {
    this.item.name = "Replwire";
  }

  show(session: Session | undefined): void {
    if (!session) return this.item.hide();
    const { state, since } = session.state();
    const clock = since === undefined ? "" : ` since ${new Date(since).toLocaleTimeString([], { hourCycle: "h23" })}`;
    this.item.text = `$(${kIcons[state]}) py ${state}${clock}`;
    this.item.tooltip = `${session.name}: Python ${session.connection.python}${session.whatRuns() ? `\n${session.whatRuns()}` : ""}`;
    this.item.command = state === "waiting for input" ? "replwire.answer" : "replwire.menu";
    this.item.show();
  }

  dispose(): void {
    this.item.dispose();
  }
}
