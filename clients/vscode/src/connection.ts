import type { Frame, Frames, Id, Replies } from "./frames";
import { Server } from "./server";

interface Answer {
  resolve(reply: never): void;
  reject(problem: Error): void;
}

/** Who gets the events of a connection: the first session, or a branch of it. */
export interface Receiver {
  handle(frame: Frame): void;
  ended(cause: string, said: string): void;
}

/** One server, the requests that wait for its replies, and the sessions that it serves. */
export class Connection {
  readonly ready: Promise<Frames["ready"]>;
  readonly over: Promise<void>; // the process has ended
  readonly receivers = new Map<string | undefined, Receiver>();
  dead = false;
  capabilities: Record<string, string[]> = {};
  python = "";
  private readonly server: Server;
  private readonly answers = new Map<Id, Answer>();
  private nextId = 1;
  private isReady!: Answer;
  private isOver!: () => void;

  constructor(command: string[], cwd: string) {
    this.ready = new Promise((resolve, reject) => (this.isReady = { resolve, reject }));
    this.ready.catch(() => {}); // the end of the server is told by itself
    this.over = new Promise((resolve) => (this.isOver = resolve));
    this.server = new Server(command, cwd, {
      frame: (frame) => this.handle(frame as Frame),
      exit: (cause, said) => this.ended(cause, said),
    });
  }

  /** Whether the server has a request, or a field of one. */
  has(request: string, field?: string): boolean {
    const fields = this.capabilities[request];
    return fields !== undefined && (field === undefined || fields.includes(field));
  }

  /** Sends what has no reply of its own; returns its id. */
  send(frame: { type: string } & Record<string, unknown>): Id {
    const id = `code-${this.nextId++}`;
    this.server.send({ id, ...frame });
    return id;
  }

  /** Sends a request and waits for its reply; a `protocol_error`, or the end of the server, is an Error. */
  request<Type extends keyof Replies>(type: Type, fields: Record<string, unknown> = {}): Promise<Replies[Type]> {
    if (this.dead) return Promise.reject(new Error("the session is dead"));
    return new Promise((resolve, reject) => this.answers.set(this.send({ type, ...fields }), { resolve, reject }));
  }

  /** Ends the session, by force if it has not ended some milliseconds later. */
  shutdown(patience: number): void {
    this.server.shutdown(patience);
  }

  private handle(frame: Frame): void {
    if (frame.type === "ready") {
      this.capabilities = frame.capabilities;
      this.python = frame.python.version;
      this.isReady.resolve(frame as never);
    }
    const { id, session } = frame as { id?: Id; session?: string };
    const answer = frame.type !== "input" && id !== undefined ? this.answers.get(id) : undefined;
    if (id !== undefined && answer) {
      this.answers.delete(id);
      if (frame.type === "protocol_error") answer.reject(new Error(frame.message));
      else answer.resolve(frame as never);
    } else {
      (this.receivers.get(session) ?? this.receivers.get(undefined))?.handle(frame);
    }
  }

  private ended(cause: string, said: string): void {
    this.dead = true;
    for (const answer of [this.isReady, ...this.answers.values()]) answer.reject(new Error("the session is dead"));
    this.answers.clear();
    for (const receiver of this.receivers.values()) receiver.ended(cause, said);
    this.isOver();
  }
}
