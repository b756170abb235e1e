import * as vscode from "vscode";
import type { Exception, Frames, TraceFrame } from "./frames";
import { openDocument, uriOf } from "./places";
import type { Execution } from "./session";
import { describe, explain } from "./words";

type Related = vscode.DiagnosticRelatedInformation;

function rangeIn(document: vscode.TextDocument, frame: TraceFrame, shift: number): vscode.Range {
  const lineAt = (line: number) => document.lineAt(Math.min(Math.max(0, line - 1 + shift), document.lineCount - 1));
  const first = lineAt(frame.line);
  const last = lineAt(frame.end_line ?? frame.line);
  const from = frame.column ?? first.firstNonWhitespaceCharacterIndex;
  const to = frame.end_column ?? last.range.end.character;
  return document.validateRange(new vscode.Range(first.lineNumber, from, last.lineNumber, to));
}

/** The frames of an exception, and of what led to it, as links. */
function related(exception: Exception, message = (frame: TraceFrame) => `in ${frame.function || describe(exception)}`): Related[] {
  const own = (exception.frames ?? []).flatMap((frame) => {
    const uri = uriOf(frame.filename);
    const at = new vscode.Position(Math.max(0, frame.line - 1), frame.column ?? 0);
    return uri ? [new vscode.DiagnosticRelatedInformation(new vscode.Location(uri, at), message(frame))] : [];
  });
  const causes = (exception.causes ?? []).flatMap((cause) => related(cause, () => `${cause.relation}: ${describe(cause)}`).slice(-1));
  return [...own, ...causes];
}

/** Errors where they were raised, and hints where that was called from, in the documents that are open. */
export class Diagnostics {
  private readonly collection = vscode.languages.createDiagnosticCollection("replwire");

  /** `shift` is by how many lines the execution's own have moved. */
  show(execution: Execution, error: Frames["error"], shift: number): void {
    const frames = error.frames ?? [];
    const innermost = frames.map((frame) => openDocument(frame.filename) !== undefined).lastIndexOf(true);
    const found = new Map<string, { uri: vscode.Uri; diagnostics: vscode.Diagnostic[] }>();
    frames.forEach((frame, at) => {
      const document = openDocument(frame.filename);
      if (!document) return;
      const moved = frame.filename === execution.filename && frame.line > execution.first && frame.line <= execution.last + 1 ? shift : 0;
      const [text, severity] =
        at === innermost
          ? [explain(error), vscode.DiagnosticSeverity.Error]
          : [`called here: ${error.exception_type}`, vscode.DiagnosticSeverity.Hint];
      const diagnostic = new vscode.Diagnostic(rangeIn(document, frame, moved), text, severity);
      diagnostic.source = "replwire";
      if (at === innermost) diagnostic.relatedInformation = related(error);
      const entry = found.get(frame.filename) ?? { uri: document.uri, diagnostics: [] };
      entry.diagnostics.push(diagnostic);
      found.set(frame.filename, entry);
    });
    for (const { uri, diagnostics } of found.values()) this.collection.set(uri, diagnostics);
  }

  clear(document: string): void {
    this.collection.delete(vscode.Uri.parse(document));
  }

  dispose(): void {
    this.collection.dispose();
  }
}
