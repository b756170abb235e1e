/** An edit, as the editor tells of it. */
export interface Edit {
  range: { start: { line: number; character: number }; end: { line: number; character: number } };
  text: string;
}

/** Where a line is after an edit; nothing when it is gone. */
export function lineAfter(line: number, { range: { start, end }, text }: Edit): number | undefined {
  const moved = text.split("\n").length - 1 - (end.line - start.line);
  if (line > end.line || (line === end.line && end.character === 0 && start.character === 0)) return line + moved;
  return line <= start.line ? line : undefined;
}

/** What stands behind a line. */
export interface Mark<Owner, Kind> {
  line: number;
  text: string;
  kind: Kind;
  readonly owner: Owner;
  readonly key: number | "end"; // the end of its owner's lines, or the line of a value as it was sent
}

/** What stands behind the lines of a document, and travels with them. */
export class Marks<Owner extends { first: number; last: number }, Kind> {
  private marks: Mark<Owner, Kind>[] = [];

  all(): readonly Mark<Owner, Kind>[] {
    return this.marks;
  }

  /** Takes away what stands at these lines, and marks their end. */
  begin(owner: Owner, text: string, kind: Kind): void {
    this.marks = this.marks.filter(({ line }) => line < owner.first || line > owner.last);
    this.marks.push({ line: owner.last, text, kind, owner, key: "end" });
  }

  /** By how many lines an owner's lines have moved since they were sent; nothing when they are gone. */
  shift(owner: Owner): number | undefined {
    const end = this.find(owner, "end");
    return end && end.line - owner.last;
  }

  put(owner: Owner, key: number | "end", text: string, kind: Kind): void {
    const shift = this.shift(owner);
    if (shift === undefined) return;
    const mark = this.find(owner, key);
    if (mark) Object.assign(mark, { text, kind });
    else if (key !== "end") this.marks.push({ line: key + shift, text, kind, owner, key });
  }

  edit(edit: Edit): void {
    this.marks = this.marks.filter((mark) => {
      const line = lineAfter(mark.line, edit);
      mark.line = line ?? mark.line;
      return line !== undefined;
    });
  }

  private find(owner: Owner, key: number | "end"): Mark<Owner, Kind> | undefined {
    return this.marks.find((mark) => mark.owner === owner && mark.key === key);
  }
}
