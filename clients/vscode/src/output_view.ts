import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import type { Session } from "./session";

const kFrame = 30; // milliseconds between two drawings

type Message = { ready: true } | { drawn: true } | { file: string; line: number };

/** Shows the output of one session at a time. It is drawn some 30 times a second, and never while it has yet to draw what it was sent. */
export class OutputView implements vscode.WebviewViewProvider {
  private view: vscode.WebviewView | undefined;
  private session: Session | undefined;
  private pending = false; // a drawing is due
  private drawing = false;
  private anew = true;

  constructor(
    private readonly media: vscode.Uri,
    private readonly follow: (session: Session, filename: string, line: number) => void,
  ) {}

  resolveWebviewView(view: vscode.WebviewView): void {
    this.view = view;
    view.webview.options = { enableScripts: true, localResourceRoots: [this.media] };
    view.webview.onDidReceiveMessage((message: Message) => this.receive(message));
    view.onDidDispose(() => (this.view = undefined));
    this.drawing = true; // until it says that it is ready
    view.webview.html = this.html(view.webview);
  }

  /** Shows another session's output, without going there. */
  show(session: Session): void {
    if (session.output === this.session?.output) return;
    this.session = session;
    this.anew = true;
    this.touched(session);
  }

  touched(session: Session): void {
    if (session.output !== this.session?.output || this.pending) return;
    this.pending = true;
    setTimeout(() => this.draw(), kFrame);
  }

  private draw(): void {
    if (!this.pending || !this.view || !this.session || this.drawing) return; // it goes on when that is over
    this.pending = false;
    if (this.anew) this.session.output.forget();
    void this.view.webview.postMessage({ anew: this.anew, ...this.session.output.changes() });
    this.anew = false;
    this.drawing = true;
  }

  private receive(message: Message): void {
    if ("file" in message) {
      if (this.session) this.follow(this.session, message.file, message.line);
      return;
    }
    this.drawing = false;
    if ("ready" in message) this.anew = this.pending = true;
    if (this.pending) this.draw();
  }

  private html(webview: vscode.Webview): string {
    const uri = (name: string) => webview.asWebviewUri(vscode.Uri.joinPath(this.media, name)).toString();
    const nonce = randomBytes(16).toString("hex");
    const policy = `default-src 'none'; img-src data:; style-src ${webview.cspSource} 'unsafe-inline'; script-src 'nonce-${nonce}'`;
    return `<!DOCTYPE html>
<html><head><meta http-equiv="Content-Security-Policy" content="${policy}"><link rel="stylesheet" href="${uri("view.css")}"></head>
<body><div id="view"></div><script nonce="${nonce}" src="${uri("view.js")}"></script></body></html>`;
  }
}
