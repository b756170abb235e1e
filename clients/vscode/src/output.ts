import type { Forms } from "./frames";
import { formsHtml, lineHtml, plainHtml } from "./html";
import { TerminalText } from "./text";

const kOver = 1.2; // how much more than its bound an output may hold before old blocks go

interface Fixed {
  html: string[];
  displayId?: string;
}

/** What an execution has shown: a header, then segments (text, a value, a picture) that can be replaced. */
export interface Block {
  id: number;
  segments: (TerminalText | Fixed)[];
  clear: boolean; // what comes next takes the place of what is there
  gone: boolean; // dropped, or cleared away: it is a new one when more comes
  drawn: string[];
}

/** Lines of a block that the view has to replace, from one on to the end of the block. */
export interface Change {
  block: number;
  from: number;
  lines: string[];
}

function linesOf(segment: TerminalText | Fixed): string[] {
  if (!(segment instanceof TerminalText)) return segment.html;
  const note = segment.dropped ? plainHtml(`… ${segment.dropped} lines are no longer here`, "note") : [];
  return [...note, ...segment.shown().map(lineHtml)];
}

/** The output of a session: a block for each execution. It is bounded, and says what of it has changed since it was drawn. */
export class Output {
  private blocks: Block[] = [];
  private readonly changed = new Set<Block>();
  private nextId = 0;

  /** `bound` is how many lines it keeps; `touched` is told that there is something to draw. */
  constructor(
    private readonly bound: () => number,
    private readonly touched: () => void,
  ) {}

  block(): Block {
    const block = { id: this.nextId++, segments: [], clear: false, gone: false, drawn: [] };
    this.blocks.push(block);
    return block;
  }

  text(block: Block, data: string, error: boolean): void {
    let segment = this.last(block);
    if (!(segment instanceof TerminalText)) block.segments.push((segment = new TerminalText()));
    segment.append(data, error);
    segment.bound(this.bound());
    this.touch(block);
  }

  /** Lines of one kind: a header, a note, an error. */
  note(block: Block, text: string, kind: string): void {
    this.put(block, { html: plainHtml(text, kind) });
  }

  /** A value; `displayId` names it for updates. */
  forms(block: Block, forms: Forms, displayId?: string): void {
    this.put(block, { html: formsHtml(forms), displayId });
  }

  header(block: Block, text: string): void {
    block.segments[0] = { html: plainHtml(text, "header") };
    this.touch(block);
  }

  /** Shows something else wherever `displayId` was shown. */
  update(displayId: string, forms: Forms): void {
    for (const block of this.blocks) {
      for (const segment of block.segments) {
        if (segment instanceof TerminalText || segment.displayId !== displayId) continue;
        segment.html = formsHtml(forms);
        this.touch(block);
      }
    }
  }

  /** Removes what the block shows, but for its header; with `wait` when something new comes. */
  clearBlock(block: Block, wait: boolean): void {
    block.clear = true;
    if (wait) return;
    this.last(block);
    this.touch(block);
  }

  clear(): void {
    while (this.dropFirst());
    this.touched();
  }

  /** The view is a new one: nothing is drawn there. */
  forget(): void {
    for (const block of this.blocks) {
      block.drawn = [];
      this.changed.add(block);
    }
  }

  /** What has changed since the last call, and the oldest block that is still there. */
  changes(): { changes: Change[]; first: number } {
    const changes: Change[] = [];
    for (const block of this.blocks) {
      if (!this.changed.has(block)) continue;
      const lines = block.segments.flatMap(linesOf);
      let from = 0;
      while (from < lines.length && lines[from] === block.drawn[from]) from++;
      if (from < lines.length || from < block.drawn.length) changes.push({ block: block.id, from, lines: lines.slice(from) });
      block.drawn = lines;
    }
    this.changed.clear();
    this.dropOld();
    return { changes, first: this.blocks[0]?.id ?? this.nextId };
  }

  private put(block: Block, segment: Fixed): void {
    this.last(block);
    block.segments.push(segment);
    this.touch(block);
  }

  private last(block: Block): TerminalText | Fixed | undefined {
    if (block.clear) {
      block.clear = false;
      block.segments.length = Math.min(1, block.segments.length);
    }
    return block.segments.at(-1);
  }

  private touch(block: Block): void {
    if (block.gone) {
      Object.assign(block, { id: this.nextId++, gone: false, drawn: [] });
      this.blocks.push(block);
    }
    this.changed.add(block);
    this.touched();
  }

  private dropOld(): void {
    let total = this.blocks.reduce((sum, block) => sum + block.drawn.length, 0);
    if (total <= this.bound() * kOver) return;
    while (this.blocks.length > 1 && total > this.bound()) total -= this.dropFirst()?.drawn.length ?? 0;
  }

  private dropFirst(): Block | undefined {
    const block = this.blocks.shift();
    if (!block) return undefined;
    this.changed.delete(block);
    block.gone = true;
    block.segments.length = Math.min(1, block.segments.length);
    return block;
  }
}
