/** A line of text, and for each of its characters one that says how it looks: see `style`. */
export interface Line {
  text: string;
  styles: string;
}

const kLine = 10_000; // characters of a line that are shown

/** How a character looks, as a character: a colour (0: none, 1 to 16), bold, from standard error. */
export function style(colour: number, bold: boolean, error: boolean): string {
  return String.fromCharCode(colour + (bold ? 32 : 0) + (error ? 64 : 0));
}

/** The classes that stand for it. */
export function classesOf(style: string): string {
  const code = style.charCodeAt(0);
  const colour = code % 32;
  return [colour ? `c${colour - 1}` : "", code & 32 ? "bold" : "", code & 64 ? "stderr" : ""].filter(Boolean).join(" ");
}

/**
 * Text as a terminal would show it: `\r`, `\b` and "cursor up" move back and are written over, colours are kept, other escape
 * sequences are left out. Bounded: very long lines are cut, and old lines are dropped.
 */
export class TerminalText {
  lines: Line[] = [{ text: "", styles: "" }];
  dropped = 0;
  private row = 0;
  private column = 0;
  private colour = 0;
  private bold = false;
  private rest = ""; // of an escape sequence

  append(data: string, error: boolean): void {
    const text = this.rest + data;
    this.rest = "";
    const special = /[\n\r\b]|\x1b(?:\[([\d;?]*)([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)|[^[\]])?/g; // eslint-disable-line no-control-regex
    let from = 0;
    for (let found; (found = special.exec(text)); from = special.lastIndex) {
      this.write(text.slice(from, found.index), error);
      if (found[0] === "\x1b") {
        const rest = text.slice(found.index);
        if (rest.length < 200) this.rest = rest; // the next output has the end of it
        return;
      }
      this.control(found[0], found[1] ?? "", found[2]);
    }
    this.write(text.slice(from), error);
  }

  /** Keeps the last `count` lines when there are many more. */
  bound(count: number): void {
    const drop = this.lines.length - count;
    if (drop <= count / 5) return;
    this.lines = this.lines.slice(drop);
    this.row = Math.max(0, this.row - drop);
    this.dropped += drop;
  }

  /** The lines, without an empty one at the end. */
  shown(): Line[] {
    return this.lines.at(-1)?.text === "" ? this.lines.slice(0, -1) : this.lines;
  }

  private line(): Line {
    return (this.lines[this.row] ??= { text: "", styles: "" });
  }

  private write(piece: string, error: boolean): void {
    if (piece === "" || this.column >= kLine) return;
    const line = this.line();
    const gap = Math.max(0, this.column - line.text.length);
    const before = line.text.slice(0, this.column) + " ".repeat(gap);
    const beforeStyles = line.styles.slice(0, this.column) + style(0, false, false).repeat(gap);
    this.column += piece.length;
    line.text = before + piece + line.text.slice(this.column);
    line.styles = beforeStyles + style(this.colour, this.bold, error).repeat(piece.length) + line.styles.slice(this.column);
    if (line.text.length > kLine) {
      line.text = line.text.slice(0, kLine / 4) + " …";
      line.styles = line.styles.slice(0, line.text.length);
      this.column = kLine; // the rest of the line goes nowhere
    }
  }

  private control(sequence: string, numbers: string, letter: string | undefined): void {
    if (sequence === "\n") [this.row, this.column] = [this.row + 1, 0];
    else if (sequence === "\r") this.column = 0;
    else if (sequence === "\b") this.column = Math.max(0, this.column - 1);
    else if (letter === "A") this.row = Math.max(0, this.row - (Number(numbers) || 1));
    else if (letter === "K") this.eraseToEnd();
    else if (letter === "m") this.look(numbers.split(";").map(Number));
    this.line();
  }

  private eraseToEnd(): void {
    const line = this.line();
    line.text = line.text.slice(0, this.column);
    line.styles = line.styles.slice(0, this.column);
  }

  private look(numbers: number[]): void {
    for (const number of numbers) {
      if (number === 0) [this.colour, this.bold] = [0, false];
      else if (number === 1) this.bold = true;
      else if (number === 22) this.bold = false;
      else if (number === 39) this.colour = 0;
      else if (number >= 30 && number <= 37) this.colour = number - 29;
      else if (number >= 90 && number <= 97) this.colour = number - 81;
      else if (number === 38 || number === 48) return; // of 256 or more colours: left as it is
    }
  }
}
