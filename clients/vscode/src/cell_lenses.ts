import * as vscode from "vscode";
import { cells } from "./blocks";

/** "Run Cell" above each line that begins with `# %%`. */
export class CellLenses implements vscode.CodeLensProvider {
  provideCodeLenses(document: vscode.TextDocument): vscode.CodeLens[] {
    if (!vscode.workspace.getConfiguration("replwire", document).get("codeLens")) return [];
    const found = cells(document.getText().split(/\r?\n/));
    return found.flatMap((cell) => {
      const at = new vscode.Range(cell.first, 0, cell.first, 0);
      const lens = (title: string, first: number) =>
        new vscode.CodeLens(at, { title, command: "replwire.cell", arguments: [document.uri, { first, last: cell.last }] });
      return cell.first === 0 ? [lens("Run Cell", cell.first)] : [lens("Run Cell", cell.first), lens("Run to Here", 0)];
    });
  }
}
