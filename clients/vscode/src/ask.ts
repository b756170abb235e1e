import * as vscode from "vscode";
import type { Replies } from "./frames";
import { uriOf } from "./places";
import type { Session } from "./session";

const kLinesBefore = 200;
const kKinds: Record<string, keyof typeof vscode.CompletionItemKind> = {
  function: "Function",
  class: "Class",
  module: "Module",
  instance: "Variable",
  property: "Property",
  keyword: "Keyword",
  param: "Variable",
  key: "Constant",
  path: "File",
  statement: "Variable",
};

/** What stands before the position, some lines of it, and its own line. */
function context(document: vscode.TextDocument, position: vscode.Position) {
  const start = new vscode.Position(Math.max(0, position.line - kLinesBefore), 0);
  const base = document.offsetAt(start);
  const code = document.getText(new vscode.Range(start, document.lineAt(position.line).range.end));
  return { base, question: { code, cursor_pos: document.offsetAt(position) - base } };
}

/** Questions about code, answered from what the session holds, in the editor's own places for them. */
export class Ask
  implements vscode.CompletionItemProvider, vscode.HoverProvider, vscode.DefinitionProvider, vscode.SignatureHelpProvider
{
  constructor(private readonly sessionOf: (document: vscode.TextDocument) => Session | undefined) {}

  register(): vscode.Disposable {
    const python = { language: "python" };
    return vscode.Disposable.from(
      vscode.languages.registerCompletionItemProvider(python, this, ".", "[", "(", "'", '"', "/"),
      vscode.languages.registerHoverProvider(python, this),
      vscode.languages.registerDefinitionProvider(python, this),
      vscode.languages.registerSignatureHelpProvider(python, this, "(", ","),
    );
  }

  async provideCompletionItems(document: vscode.TextDocument, position: vscode.Position): Promise<vscode.CompletionList | undefined> {
    const { base, question } = context(document, position);
    const reply = await this.request(document, "complete", question);
    if (!reply) return undefined;
    const range = new vscode.Range(document.positionAt(base + reply.cursor_start), document.positionAt(base + reply.cursor_end));
    const types = reply.metadata._jupyter_types_experimental ?? [];
    const items = reply.matches.map((match, at) => {
      const { type, signature } = types[at] ?? { type: "", signature: "" };
      const item = new Item({ label: match, detail: signature && ` ${signature}` }, vscode.CompletionItemKind[kKinds[type] ?? "Text"]);
      return Object.assign(item, { document, range, insertText: match, filterText: match, sortText: String(at).padStart(5, "0") });
    });
    return new vscode.CompletionList(items, reply.partial);
  }

  /** Its documentation, when it is selected. */
  async resolveCompletionItem(item: Item): Promise<vscode.CompletionItem> {
    if (!item.document || !(item.range instanceof vscode.Range)) return item;
    const { question } = context(item.document, item.range.start);
    const code = question.code.slice(0, question.cursor_pos) + String(item.insertText);
    const reply = await this.request(item.document, "inspect", { code, cursor_pos: code.length });
    if (reply?.found) item.documentation = markdown(reply);
    return item;
  }

  async provideHover(document: vscode.TextDocument, position: vscode.Position): Promise<vscode.Hover | undefined> {
    const range = document.getWordRangeAtPosition(position);
    const reply = range && (await this.request(document, "inspect", context(document, position).question));
    return reply?.found ? new vscode.Hover(markdown(reply), range) : undefined;
  }

  async provideDefinition(document: vscode.TextDocument, position: vscode.Position): Promise<vscode.Location | undefined> {
    const reply = await this.request(document, "inspect", context(document, position).question);
    const uri = reply?.definition && uriOf(reply.definition.filename);
    return uri && new vscode.Location(uri, new vscode.Position(Math.max(0, (reply.definition?.line ?? 1) - 1), 0));
  }

  async provideSignatureHelp(document: vscode.TextDocument, position: vscode.Position): Promise<vscode.SignatureHelp | undefined> {
    const reply = await this.request(document, "inspect", context(document, position).question);
    const signatures = reply?.signatures?.filter(({ active_parameter }) => active_parameter !== undefined) ?? [];
    if (signatures.length === 0) return undefined;
    const help = new vscode.SignatureHelp();
    help.signatures = signatures.map(({ label, parameters }) =>
      Object.assign(new vscode.SignatureInformation(label), { parameters: parameters.map((each) => new vscode.ParameterInformation(each.label)) }),
    );
    help.activeParameter = signatures[0]?.active_parameter ?? 0;
    return help;
  }

  private async request<Type extends "complete" | "inspect">(
    document: vscode.TextDocument,
    type: Type,
    question: { code: string; cursor_pos: number },
  ): Promise<Replies[Type] | undefined> {
    return this.sessionOf(document)?.request(type, question).catch(() => undefined);
  }
}

class Item extends vscode.CompletionItem {
  document?: vscode.TextDocument;
}

function markdown(reply: Replies["inspect"]): vscode.MarkdownString {
  return new vscode.MarkdownString(String(reply.data["text/markdown"] ?? reply.data["text/plain"] ?? ""));
}
