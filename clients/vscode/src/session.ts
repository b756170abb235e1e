import { basename } from "node:path";
import { Connection, type Receiver } from "./connection";
import type { Frame, Frames, Id, Shown } from "./frames";
import { Output, type Block } from "./output";
import { describe, said } from "./words";

const kPatience = 5000; // milliseconds that the end of a server may take
const kKept = 100; // executions that are known when they are over

/** Code to run, and where it stands in its document; lines count from 0. */
export interface Code {
  code: string;
  filename?: string;
  first: number;
  last: number;
  document?: string; // the document's URI
  name?: string;
  module?: string;
}

export interface Execution extends Code {
  readonly session: Session;
  readonly block: Block;
  id: Id;
  since: number;
}

export interface Question {
  readonly id: string;
  readonly session: Session;
  readonly prompt: string;
  readonly password: boolean;
}

export interface Options {
  outputLimit: number;
  timeout: number;
  grace: number;
  viewLines: number;
  inline: boolean;
}

export type Severity = "info" | "warning" | "error";
export type Kind = "busy" | "value" | "done" | "error" | "note";

/** The editor, as a session sees it. */
export interface Front {
  options(): Options;
  changed(session: Session): void;
  touched(session: Session): void;
  began(execution: Execution): void;
  show(execution: Execution, text: string, kind: Kind): void;
  value(execution: Execution, line: number, text: string): void;
  error(execution: Execution, frame: Frames["error"]): void;
  ask(question: Question): void;
  withdraw(question: Question): void;
  note(text: string, severity: Severity): void;
}

/** A session: what runs and waits in it, and what to do with each frame that comes. A branch is one that shares its parent's server. */
export class Session implements Receiver {
  readonly output: Output;
  readonly questions: Question[] = [];
  private running: Execution[] = []; // the first one runs, the others wait
  private past: Execution[] = [];
  private loose: Block | undefined; // of what belongs to no execution
  private closed = false;
  private stopped = false; // by the user
  private fatal = "";

  constructor(
    readonly name: string,
    readonly root: string,
    private readonly front: Front,
    readonly connection: Connection,
    readonly branch?: string,
    before?: Session, // whose output it goes on with
  ) {
    connection.receivers.set(branch, this);
    this.output = before?.output ?? new Output(() => front.options().viewLines, () => front.touched(this));
  }

  get alive(): boolean {
    return !this.connection.dead && !this.closed;
  }

  /** One word for what it does, and since when. */
  state(): { state: "dead" | "starting" | "waiting for input" | "busy" | "idle"; since?: number } {
    if (!this.alive) return { state: "dead" };
    if (this.connection.python === "") return { state: "starting" };
    if (this.questions.length > 0) return { state: "waiting for input" };
    return this.running[0] ? { state: "busy", since: this.running[0].since } : { state: "idle" };
  }

  /** What is running, in words. */
  whatRuns(): string | undefined {
    const execution = this.running[0];
    return execution && `${this.label(execution)}, for ${Math.round((Date.now() - execution.since) / 1000)} s`;
  }

  /** Where an execution comes from, in a few words. */
  label({ filename, first, last }: Code): string {
    if (filename === undefined) return "code";
    const short = filename.startsWith(this.root + "/") ? filename.slice(this.root.length + 1) : filename;
    return `${short}:${first + 1}${last > first ? `-${last + 1}` : ""}`;
  }

  async execute(code: Code): Promise<void> {
    await this.connection.ready;
    const { outputLimit, timeout, grace, inline } = this.front.options();
    const all: Record<string, unknown> = {
      code: code.code,
      filename: code.filename,
      first_line: code.filename === undefined ? undefined : code.first + 1,
      output_limit: outputLimit || undefined,
      timeout: timeout || undefined,
      grace: timeout ? grace : undefined,
      notify_start: true,
      dedent: true,
      name: code.name,
      module: code.module,
      values: inline && code.document ? "all" : undefined,
    };
    const known = Object.entries(all).filter(([field]) => this.connection.has("execute", field));
    const id = this.connection.send({ ...Object.fromEntries(known), type: "execute", session: this.branch });
    const execution: Execution = { ...code, session: this, block: this.output.block(), id, since: Date.now() };
    this.running.push(execution);
    this.output.header(execution.block, `[…] ${this.label(code)}`);
    this.front.began(execution);
    this.front.changed(this);
  }

  /** Sends a request for this session. */
  request: Connection["request"] = (type, fields) => this.connection.request(type, { session: this.branch, ...fields });

  interrupt(grace: number): void {
    this.connection.send({ type: "interrupt", session: this.branch, ...(this.running[0] ? { grace } : {}) });
  }

  answer(question: Question, fields: { data: string } | { eof: true } | { error: string }): void {
    if (this.drop(question.id)) this.connection.send({ type: "input_response", input_id: question.id, session: this.branch, ...fields });
  }

  /** Ends it; the promise is kept when it has ended. */
  async stop(patience = kPatience): Promise<void> {
    this.stopped = true;
    if (this.branch === undefined) {
      this.connection.shutdown(patience);
      return this.connection.over;
    }
    this.connection.send({ type: "close", session: this.branch });
    this.connection.receivers.delete(this.branch);
    this.gone();
  }

  /** A session of its own that begins in the state of this one. */
  async fork(name: string): Promise<Session> {
    const { session } = await this.request("branch", { name });
    return new Session(name, this.root, this.front, this.connection, session);
  }

  handle(frame: Frame): void {
    const handler = this.on[frame.type] as ((frame: Frame) => void) | undefined;
    handler?.(frame); // what it does not know a client ignores
  }

  ended(cause: string, wrote: string): void {
    const running = this.whatRuns();
    this.gone();
    if (this.stopped || this.branch !== undefined) return;
    const why = this.fatal || cause;
    const text =
      this.connection.python === ""
        ? `the server does not start: ${wrote || why}`
        : `the session ${this.name} has died of ${why}${running ? ` in ${running}` : ""}`;
    this.output.note(this.output.block(), text, "error");
    this.front.note(text, "error");
  }

  private readonly on: { [Type in keyof Frames]?: (frame: Frames[Type]) => void } = {
    ready: (frame) => {
      this.output.header(this.output.block(), `Python ${frame.python.version}, ${frame.python.executable}`);
      if (frame.protocol !== 1) {
        this.front.note(`the server speaks protocol ${frame.protocol}, not 1`, "error");
        void this.stop();
      }
      this.front.changed(this);
    },
    started: (frame) => {
      const execution = this.find(frame.execution_id);
      if (!execution) return;
      execution.since = Date.now();
      this.front.show(execution, "…", "busy");
      this.front.changed(this);
    },
    output: (frame) => this.output.text(this.blockOf(frame.execution_id), frame.data, frame.stream === "stderr"),
    output_truncated: (frame) =>
      this.output.note(this.blockOf(frame.execution_id), `… ${frame.omitted} bytes of ${frame.stream} left out`, "note"),
    display: (frame) => {
      if (frame.update && frame.display_id !== undefined) this.output.update(frame.display_id, frame.data);
      else this.output.forms(this.blockOf(frame.execution_id), frame.data, frame.display_id);
    },
    clear_output: (frame) => this.output.clearBlock(this.blockOf(frame.execution_id), frame.wait),
    input: (frame) => {
      const question = { id: frame.id, session: this, prompt: frame.prompt, password: frame.password };
      this.questions.push(question);
      this.front.ask(question);
      this.front.changed(this);
    },
    input_closed: (frame) => this.drop(frame.id),
    value: (frame) => {
      const execution = this.find(frame.execution_id);
      if (execution) this.front.value(execution, frame.line - 1, textOf(frame) ?? "None");
    },
    result: (frame) => {
      const execution = this.finish(frame.execution_id, frame.execution_count);
      if (!execution) return;
      if (frame.display) this.output.forms(execution.block, frame.display);
      else if (frame.repr !== null) this.output.note(execution.block, frame.repr, "value");
      if (frame.repr_truncated) this.output.note(execution.block, `… ${frame.repr_truncated} characters in all`, "note");
      const text = textOf(frame);
      this.front.show(execution, text === undefined ? "✓" : `= ${text}`, text === undefined ? "done" : "value");
    },
    error: (frame) => {
      const execution = this.finish(frame.execution_id, frame.execution_count);
      if (!execution) return;
      this.output.text(execution.block, frame.traceback || `not run: ${frame.reason}\n`, true);
      this.front.show(execution, frame.exception_type ? describe(frame) : frame.reason, "error");
      if (frame.reason !== "cancelled" && frame.reason !== "aborted") this.front.error(execution, frame);
    },
    protocol_error: (frame) => {
      if (frame.code === "unknown_input_id") return; // answered too late: the question was closed meanwhile
      this.front.note(`${frame.code}: ${frame.message}`, "warning");
      const execution = this.finish(frame.id ?? null, null);
      if (!execution) return;
      this.output.note(execution.block, frame.message, "error");
      this.front.show(execution, frame.message, "error");
    },
    stuck: (frame) => {
      const execution = this.find(frame.execution_id);
      const place = frame.stack?.at(-1);
      const where = place ? ` (in ${place.function}, ${basename(place.filename)} line ${place.line})` : "";
      const what = execution ? this.label(execution) : "the code";
      this.front.note(`${what} does not stop after ${Math.round(frame.elapsed)} s${where}; a restart ends it`, "warning");
    },
    restored: (frame) => {
      const execution = this.find(frame.execution_id);
      const text = said(frame, execution && this.label(execution));
      for (const undone of this.past.filter(({ id }) => frame.undone?.includes(id))) this.front.show(undone, "undone", "note");
      this.output.note(this.output.block(), text, "note");
      this.front.note(text, frame.cause === "crash" ? "warning" : "info");
      this.front.changed(this);
    },
    fatal: (frame) => {
      this.fatal = frame.signal ?? (frame.reason === "exit" ? `exit status ${frame.exit_status}` : (frame.reason ?? ""));
      if (frame.traceback) this.output.note(this.output.block(), frame.traceback.trim(), "error");
    },
  };

  private find(id: Id | null): Execution | undefined {
    return this.running.find((execution) => execution.id === id);
  }

  /** Where the output of an execution goes: behind what it has shown, also when it is over. */
  private blockOf(id: Id | null): Block {
    const execution = this.find(id) ?? this.past.find((past) => past.id === id) ?? this.running[0] ?? this.past.at(-1);
    return execution?.block ?? (this.loose ??= this.output.block());
  }

  private finish(id: Id | null, count: number | null): Execution | undefined {
    const execution = this.find(id);
    if (!execution) return undefined;
    this.running = this.running.filter((other) => other !== execution);
    this.past = [...this.past, execution].slice(-kKept);
    this.output.header(execution.block, `[${count ?? " "}] ${this.label(execution)}`);
    this.front.changed(this);
    return execution;
  }

  /** The question does not wait any more. */
  private drop(id: string): boolean {
    const at = this.questions.findIndex((question) => question.id === id);
    const [question] = at < 0 ? [] : this.questions.splice(at, 1);
    if (question) this.front.withdraw(question);
    this.front.changed(this);
    return question !== undefined;
  }

  /** All that waited gets no answer any more. */
  private gone(): void {
    this.closed = true;
    for (const question of [...this.questions]) this.drop(question.id);
    for (const execution of this.running) this.front.show(execution, "not finished", "error");
    this.running = [];
    this.front.changed(this);
  }
}

function textOf(shown: Shown): string | undefined {
  const plain = shown.display?.["text/plain"];
  return shown.repr ?? (typeof plain === "string" ? plain : undefined);
}
