import * as vscode from "vscode";
import { Marks } from "./marks";
import type { Execution, Kind } from "./session";

const kColours: Record<Kind, string> = {
  busy: "editorCodeLens.foreground",
  value: "editorInlayHint.foreground",
  done: "editorCodeLens.foreground",
  error: "editorError.foreground",
  note: "editorWarning.foreground",
};
const kShown = 120; // characters of a value at its line
const kHover = 4000;

function short(text: string): string {
  const line = text.replace(/\s*\n\s*/g, " ⏎ ");
  return line.length > kShown ? line.slice(0, kShown) + "…" : line;
}

/** What an execution has to say at its own lines: that it runs, its values, its error. */
export class Inline {
  private readonly documents = new Map<string, Marks<Execution, Kind>>();
  private readonly decoration = vscode.window.createTextEditorDecorationType({ after: { margin: "0 0 0 2em" } });
  private readonly subscriptions = [
    vscode.workspace.onDidChangeTextDocument((event) => this.edited(event)),
    vscode.workspace.onDidCloseTextDocument((document) => this.documents.delete(document.uri.toString())),
    vscode.window.onDidChangeVisibleTextEditors((editors) => editors.forEach((editor) => this.draw(editor))),
    this.decoration,
  ];

  constructor(private readonly enabled: () => boolean) {}

  began(execution: Execution): void {
    if (execution.document === undefined) return;
    this.of(execution.document).begin(execution, "", "busy");
    this.redraw(execution.document);
  }

  /** Shows `text` behind the last line of the execution, or behind the line of one of its values. */
  show(execution: Execution, text: string, kind: Kind, line?: number): void {
    if (execution.document === undefined) return;
    this.of(execution.document).put(execution, line ?? "end", text, kind);
    this.redraw(execution.document);
  }

  shift(execution: Execution): number {
    return (execution.document !== undefined && this.of(execution.document).shift(execution)) || 0;
  }

  clear(document: vscode.TextDocument): void {
    this.documents.delete(document.uri.toString());
    this.redraw(document.uri.toString());
  }

  dispose(): void {
    this.subscriptions.forEach((subscription) => subscription.dispose());
  }

  private of(document: string): Marks<Execution, Kind> {
    let marks = this.documents.get(document);
    if (!marks) this.documents.set(document, (marks = new Marks()));
    return marks;
  }

  private edited({ document, contentChanges }: vscode.TextDocumentChangeEvent): void {
    const marks = this.documents.get(document.uri.toString());
    if (!marks) return;
    contentChanges.forEach((change) => marks.edit(change));
    this.redraw(document.uri.toString());
  }

  private redraw(document: string): void {
    vscode.window.visibleTextEditors.filter((editor) => editor.document.uri.toString() === document).forEach((editor) => this.draw(editor));
  }

  private draw(editor: vscode.TextEditor): void {
    const marks = this.enabled() ? (this.documents.get(editor.document.uri.toString())?.all() ?? []) : [];
    const decorations = marks
      .filter((mark) => mark.text !== "" && mark.line < editor.document.lineCount)
      .map((mark): vscode.DecorationOptions => ({
        range: editor.document.lineAt(mark.line).range,
        hoverMessage: mark.kind === "value" ? new vscode.MarkdownString().appendCodeblock(mark.text.slice(0, kHover), "python") : undefined,
        renderOptions: { after: { contentText: short(mark.text), color: new vscode.ThemeColor(kColours[mark.kind]) } },
      }));
    editor.setDecorations(this.decoration, decorations);
  }
}
