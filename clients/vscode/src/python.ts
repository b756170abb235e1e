import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import * as vscode from "vscode";
import { setting } from "./settings";

/** What is used of the API of the Python extension. */
interface PythonApi {
  environments: {
    getActiveEnvironmentPath(resource?: vscode.Uri): { path: string };
    known: readonly { executable: { uri?: vscode.Uri } }[];
  };
}

async function pythonExtension(): Promise<PythonApi | undefined> {
  return vscode.extensions.getExtension<PythonApi>("ms-python.python")?.activate();
}

/** The interpreter that the editor has for a project; nothing: as the server finds it. */
async function ofEditor(root: vscode.Uri): Promise<string | undefined> {
  const path =
    (await pythonExtension())?.environments.getActiveEnvironmentPath(root).path ??
    vscode.workspace.getConfiguration("python", root).get<string>("defaultInterpreterPath");
  return path && isAbsolute(path) && existsSync(path) ? path : undefined;
}

const key = (root: string) => `python of ${root}`;

/** Which Python a project's sessions run in: what was chosen, the setting, what the Python extension uses. */
export class Pythons {
  constructor(private readonly memory: vscode.Memento) {}

  /** The words that start a server. A command of the user's may lead to another machine, where other paths hold. */
  async command(root: string): Promise<string[]> {
    const uri = vscode.Uri.file(root);
    const command = setting("command", uri);
    const startup = setting("startup", uri).replace(/^~(?=\/)/, command.length > 0 ? "~" : homedir());
    const chosen = this.memory.get<string>(key(root));
    const python = chosen ?? (setting("python", uri) || (command.length > 0 ? undefined : await ofEditor(uri)));
    return [
      ...(command.length > 0 ? command : ["replwire"]),
      ...setting("options", uri),
      ...(startup ? ["--startup", startup] : []),
      ...(python ? ["--python", python] : []),
      "--position-encoding",
      "utf-16",
    ];
  }

  async choose(root: string, path?: string): Promise<void> {
    await this.memory.update(key(root), path);
  }

  /** All that can be found. */
  async list(root: string): Promise<string[]> {
    const known = (await pythonExtension())?.environments.known.map(({ executable }) => executable.uri?.fsPath ?? "") ?? [];
    const folders = [root, join(homedir(), ".virtualenvs"), join(homedir(), ".pyenv/versions"), join(homedir(), ".conda/envs")];
    const inside = folders.filter(existsSync).flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
    const active = [process.env["VIRTUAL_ENV"], process.env["CONDA_PREFIX"]].filter((folder) => folder !== undefined);
    const found = [...known, ...[...inside, ...active].map((folder) => join(folder, "bin/python")), "/usr/bin/python3"];
    return [...new Set(found)].filter((path) => path !== "" && existsSync(path));
  }
}
