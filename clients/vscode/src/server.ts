import { spawn, type ChildProcess } from "node:child_process";

const kSlice = 8; // milliseconds of frames at a time
const kAhead = 4 * 1024 * 1024; // characters that may wait

/** Cuts what is read into lines. A read may end anywhere, and bring many lines. */
export class Lines {
  private part: string[] = [];

  take(text: string): string[] {
    const lines = text.split("\n");
    const rest = lines.pop() ?? "";
    if (lines.length > 0) {
      lines[0] = this.part.join("") + lines[0];
      this.part = [];
    }
    this.part.push(rest);
    return lines;
  }
}

/** The object that a line holds; nothing if it comes from something between, such as a shell's greeting. */
export function parse(line: string): object | undefined {
  try {
    const frame: unknown = JSON.parse(line);
    return typeof frame === "object" && frame !== null ? frame : undefined;
  } catch {
    return undefined;
  }
}

export interface ServerEvents {
  frame(frame: object): void;
  /** The process is gone and all that it wrote has been told. `cause` says of what. */
  exit(cause: string, said: string): void;
}

/**
 * The process, and JSON lines in both directions. Frames are handed on in slices of some milliseconds, so that the editor's other
 * extensions have their turn; while much is waiting, nothing more is read, and code that prints waits.
 */
export class Server {
  private readonly process: ChildProcess;
  private readonly lines = new Lines();
  private waiting: string[] = [];
  private next = 0; // of `waiting`
  private ahead = 0;
  private awake = false;
  private said = "";
  private cause: string | undefined;
  private ended = false;

  constructor(command: string[], cwd: string, private readonly on: ServerEvents) {
    // A process group of its own: a Ctrl-C in the terminal that the editor was started from does not reach it.
    this.process = spawn(command[0] ?? "", command.slice(1), { cwd, detached: true });
    this.process.stdin?.on("error", () => {}); // the server is gone, as its end says
    this.process.stdout?.setEncoding("utf8").on("data", (text: string) => this.take(text));
    this.process.stderr?.setEncoding("utf8").on("data", (text: string) => (this.said = (this.said + text).slice(-4096)));
    this.process.on("error", (error) => this.end(error.message));
    this.process.on("close", (code, signal) => this.end(signal ?? `exit status ${code}`));
  }

  send(frame: object): void {
    if (this.process.stdin?.writable) this.process.stdin.write(JSON.stringify(frame) + "\n");
  }

  /** Ends the session at once, and its processes with it if it has not ended by itself some milliseconds later. */
  shutdown(patience: number): void {
    this.send({ type: "shutdown" });
    const timer = setTimeout(() => this.process.kill("SIGKILL"), patience);
    this.process.once("close", () => clearTimeout(timer));
  }

  private take(text: string): void {
    for (const line of this.lines.take(text)) {
      this.waiting.push(line);
      this.ahead += line.length;
    }
    if (this.ahead > kAhead) this.process.stdout?.pause();
    this.wake();
  }

  private end(cause: string): void {
    this.cause ??= cause;
    this.wake();
  }

  private wake(): void {
    if (this.awake) return;
    this.awake = true;
    setImmediate(() => this.slice());
  }

  private slice(): void {
    this.awake = false;
    const stop = performance.now() + kSlice;
    while (this.next < this.waiting.length && performance.now() < stop) {
      const line = this.waiting[this.next++] ?? "";
      this.ahead -= line.length;
      const frame = parse(line);
      if (frame) this.handle(frame);
    }
    if (this.next < this.waiting.length) return this.wake();
    this.waiting = [];
    this.next = 0;
    this.process.stdout?.resume();
    if (this.cause !== undefined && !this.ended) {
      this.ended = true;
      this.on.exit(this.cause, this.said.trim());
    }
  }

  private handle(frame: object): void {
    try {
      this.on.frame(frame);
    } catch (error) {
      console.error("replwire:", error); // and the next frame is served
    }
  }
}
