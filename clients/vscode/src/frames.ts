/** The frames of the wire that this client reads, as docs/protocol.md describes them. Those that are not here are ignored. */

export type Id = string | number;
export type Forms = Record<string, unknown>; // {MIME type: form}

export interface Place {
  filename: string;
  line: number;
  function?: string;
}

export interface TraceFrame extends Place {
  end_line?: number;
  column?: number; // UTF-16 units, as the server is asked for
  end_column?: number;
  source?: string;
}

export interface Exception {
  exception_type: string;
  exception_message: string;
  notes?: string[];
  causes?: (Exception & { relation: string })[];
  frames?: TraceFrame[];
}

export interface Shown {
  repr: string | null;
  repr_truncated?: number;
  display?: Forms;
}

/** What belongs to an execution, and to a branch if `session` is there. */
interface Of {
  execution_id: Id | null;
  session?: string;
}

export interface Frames {
  ready: { protocol: number; python: { version: string; executable: string }; capabilities: Record<string, string[]> };
  started: Of;
  output: Of & { stream: "stdout" | "stderr"; data: string };
  output_truncated: Of & { stream: string; omitted: number };
  display: Of & { data: Forms; display_id?: string; update?: boolean };
  clear_output: Of & { wait: boolean };
  input: Of & { id: string; prompt: string; password: boolean };
  input_closed: { id: string; reason: string };
  value: Of & Shown & { line: number };
  result: Of & Shown & { execution_count: number | null };
  error: Of & Exception & { execution_count: number | null; reason: string; traceback: string };
  protocol_error: { code: string; message: string; id?: Id };
  stuck: Of & { elapsed: number; stack?: Place[] };
  restored: Of & {
    checkpoint_id: string | null;
    cause: string;
    undone?: Id[];
    lost_threads?: string[];
    signal?: string;
    exit_status?: number;
  };
  fatal: Of & { signal?: string; reason?: string; exit_status?: number; traceback?: string };
}

export type Frame = { [Type in keyof Frames]: Frames[Type] & { type: Type } }[keyof Frames];

/** For each request that has a reply, what the reply has. */
export interface Replies {
  interrupt: { outcome: string };
  status: {
    state: string;
    execution_id: Id | null;
    elapsed: number;
    queued: number;
    memory_usage: number;
    stack?: Place[];
    stack_unavailable?: string;
  };
  complete: { matches: string[]; cursor_start: number; cursor_end: number; metadata: CompletionMetadata; partial?: true };
  inspect: { found: boolean; data: Forms; definition?: Place; signatures?: Signature[] };
  variables: { total: number; variables: Variable[]; partial?: true };
  checkpoint: { checkpoint_id: string };
  checkpoints: { checkpoints: Checkpoint[] };
  restore: { checkpoint_id: string };
  undo: { checkpoint_id: string };
  branch: { session: string };
  close: { session: string };
}

export interface CompletionMetadata {
  _jupyter_types_experimental?: { type: string; signature: string }[];
}

export interface Signature {
  label: string;
  parameters: { label: string }[];
  active_parameter?: number;
}

export interface Variable {
  name: string;
  type: string;
  repr: string;
  length?: number;
  shape?: number[];
  has_children?: boolean;
}

export interface Checkpoint {
  checkpoint_id: string;
  name?: string;
  automatic: boolean;
  age: number;
  execution_count: number | null;
}
