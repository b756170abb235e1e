import { basename } from "node:path";
import type { Exception, Frames } from "./frames";

/** An exception in a line. */
export function describe(exception: Exception): string {
  return exception.exception_type + (exception.exception_message && `: ${exception.exception_message}`);
}

/** The exception with its notes, and what led to it. */
export function explain(exception: Exception): string {
  const causes = (exception.causes ?? []).map((cause) => {
    const place = cause.frames?.at(-1);
    return `${cause.relation}: ${describe(cause)}${place ? ` (${basename(place.filename)}, line ${place.line})` : ""}`;
  });
  return [describe(exception), ...(exception.notes ?? []), ...causes].join("\n");
}

const kCauses: Record<string, string> = {
  timeout: "stopped by force when its time was over",
  interrupt: "stopped by force",
  undo: "undone",
  restore: "the checkpoint is restored",
  rollback: "rolled back",
};

/** What a `restored` frame says; `label` names the execution that was under way. */
export function said(frame: Frames["restored"], label?: string): string {
  const died = `Python died of ${frame.signal ?? (frame.exit_status === undefined ? "an unknown cause" : `exit status ${frame.exit_status}`)}`;
  const what = frame.cause === "crash" ? died : (kCauses[frame.cause] ?? frame.cause);
  const asked = frame.cause === "undo" || frame.cause === "restore";
  const parts = [label ? `${what} in ${label}` : what];
  if (frame.checkpoint_id === null) parts.push("Python was started anew, and is empty");
  else if (!asked) parts.push("the variables are as before");
  if (frame.lost_threads?.length) parts.push(`threads that are gone: ${frame.lost_threads.join(", ")}`);
  return parts.join("; ");
}
