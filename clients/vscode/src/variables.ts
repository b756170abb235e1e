import * as vscode from "vscode";
import type { Variable } from "./frames";
import type { Session } from "./session";

const kPage = 200;

interface Node {
  variable?: Variable; // without: there are more
  path: string[];
}

function describe({ type, repr, shape, length }: Variable): string {
  const size = shape ? `[${shape.join("×")}]` : length === undefined ? "" : `[${length}]`;
  return `${type}${size} = ${repr.replaceAll("\n", "⏎")}`;
}

/** The variables of a session in a tree, each of which opens to what its value holds. */
export class Variables implements vscode.TreeDataProvider<Node> {
  private session: Session | undefined;
  private idle = false;
  private readonly limits = new Map<string, number>(); // {path: how many are shown}
  private readonly event = new vscode.EventEmitter<Node | undefined>();
  readonly onDidChangeTreeData = this.event.event;

  /** The session has another state, or is another one. */
  show(session: Session | undefined): void {
    const idle = session?.state().state === "idle";
    if (session !== this.session || (idle && !this.idle)) this.event.fire(undefined);
    this.session = session;
    this.idle = idle;
  }

  more(path: string[]): void {
    const key = JSON.stringify(path);
    this.limits.set(key, (this.limits.get(key) ?? kPage) + kPage);
    this.event.fire(undefined);
  }

  getTreeItem({ variable, path }: Node): vscode.TreeItem {
    if (!variable) {
      const item = new vscode.TreeItem("… more");
      item.command = { command: "replwire.moreVariables", title: "Show more", arguments: [path] };
      return item;
    }
    const item = new vscode.TreeItem(variable.name, vscode.TreeItemCollapsibleState[variable.has_children ? "Collapsed" : "None"]);
    item.id = JSON.stringify(path);
    item.description = describe(variable);
    item.tooltip = `${variable.name}: ${describe(variable)}`;
    return item;
  }

  async getChildren(parent?: Node): Promise<Node[]> {
    const path = parent?.path ?? [];
    const limit = this.limits.get(JSON.stringify(path)) ?? kPage;
    const found: Node[] = [];
    try {
      for (let more = true; more && this.session?.alive && found.length < limit; ) {
        const place = path.length > 0 ? { path } : {};
        const reply = await this.session.request("variables", { ...place, offset: found.length, limit: Math.min(1000, limit - found.length) });
        found.push(...reply.variables.map((variable) => ({ variable, path: [...path, variable.name] })));
        more = reply.partial === true && reply.variables.length > 0; // time was up: the rest of the page
        if (!more && reply.total > found.length) found.push({ path });
      }
    } catch {
      // The value is gone, or the session: the next change shows what there is.
    }
    return found;
  }
}
