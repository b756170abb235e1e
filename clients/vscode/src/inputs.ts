import * as vscode from "vscode";
import type { Question } from "./session";

const kQuiet = 700; // milliseconds for which nothing was typed, before a question takes the keyboard
const kEnd: vscode.QuickInputButton = { iconPath: new vscode.ThemeIcon("debug-step-out"), tooltip: "End of input (EOFError)" };
const kRefuse: vscode.QuickInputButton = { iconPath: new vscode.ThemeIcon("circle-slash"), tooltip: "Refuse (RuntimeError)" };

/** What `input()` and `getpass()` ask, one after the other, in the editor's own prompt. */
export class Inputs {
  private waiting: Question[] = [];
  private readonly left = new Set<Question>(); // those that the user has turned away from
  private shown: { question: Question; box: vscode.InputBox } | undefined;
  private typed = 0;
  private readonly typing = vscode.workspace.onDidChangeTextDocument(({ document }) => {
    if (document === vscode.window.activeTextEditor?.document) this.typed = Date.now();
  });

  ask(question: Question): void {
    this.waiting.push(question);
    this.next();
  }

  /** It is answered, or needs no answer any more. */
  withdraw(question: Question): void {
    this.waiting = this.waiting.filter((other) => other !== question);
    this.left.delete(question);
    if (this.shown?.question === question) this.close();
    this.next();
  }

  /** The oldest question; asked again if it was turned away from. */
  first(): Question | undefined {
    return this.waiting[0];
  }

  again(): void {
    this.left.clear();
    this.typed = 0;
    this.next();
  }

  refuse(question: Question): void {
    question.session.answer(question, { error: "refused in the editor" });
  }

  dispose(): void {
    this.typing.dispose();
    this.close();
  }

  private next(): void {
    const question = this.waiting.find((other) => !this.left.has(other));
    if (!question || this.shown) return;
    const quiet = Date.now() - this.typed;
    if (quiet < kQuiet) return void setTimeout(() => this.next(), kQuiet - quiet);
    this.show(question);
  }

  private show(question: Question): void {
    const box = vscode.window.createInputBox();
    this.shown = { question, box };
    Object.assign(box, {
      title: `${question.session.name} asks`,
      prompt: question.prompt || "reads standard input",
      password: question.password,
      ignoreFocusOut: true,
      buttons: [kEnd, kRefuse],
    });
    box.onDidAccept(() => question.session.answer(question, { data: box.value }));
    box.onDidTriggerButton((button) =>
      button === kEnd ? question.session.answer(question, { eof: true }) : this.refuse(question),
    );
    box.onDidHide(() => this.hidden(question));
    box.show();
  }

  private close(): void {
    const box = this.shown?.box;
    this.shown = undefined;
    box?.dispose();
  }

  // Turned away from, unless it was answered or withdrawn.
  private hidden(question: Question): void {
    if (this.shown?.question !== question) return;
    this.close();
    this.left.add(question);
    void vscode.window
      .showInformationMessage(`Replwire: not answered: ${question.prompt}`, "Answer", "End of Input", "Refuse")
      .then((choice) => {
        if (choice === "Answer") this.again();
        if (choice === "End of Input") question.session.answer(question, { eof: true });
        if (choice === "Refuse") this.refuse(question);
      });
    this.next();
  }
}
