/** Which lines to send. Lines count from 0 here; a range has its first and its last line. */
export interface Range {
  first: number;
  last: number;
}

interface Statement extends Range {
  indent: number;
  continues: boolean; // `else`, `except`, …: it goes on with the statement above
  decorates: boolean;
}

const kString = /^[rbuft]{0,2}("""|'''|"|')/i;

/** Where the text of a string that begins before `from` goes on; -1 if it does not end in this line. */
function endOfString(line: string, from: number, quote: string): number {
  for (let at = from; at < line.length; at++) {
    if (line[at] === "\\") at++;
    else if (line.startsWith(quote, at)) return at + quote.length;
  }
  return -1;
}

/** The statements of Python source by its brackets, strings and continued lines: what a parser would say of where they begin and end. */
export function statements(lines: string[]): Statement[] {
  const found: Statement[] = [];
  let depth = 0; // of brackets
  let quote = ""; // of a string that goes on over lines
  let continued = false; // by a backslash
  lines.forEach((line, number) => {
    const inside = depth > 0 || quote !== "" || continued;
    const text = line.trimStart();
    if (!inside && (text === "" || text.startsWith("#"))) return;
    if (!inside) {
      found.push({
        first: number,
        last: number,
        indent: line.slice(0, line.length - text.length).replaceAll("\t", "        ").length,
        continues: /^(else|elif|except|finally)\b/.test(text),
        decorates: text.startsWith("@"),
      });
    }
    continued = false;
    let at = 0;
    if (quote !== "") {
      at = endOfString(line, 0, quote);
      if (at < 0) at = line.length;
      else quote = "";
    }
    while (at < line.length) {
      const c = line.charAt(at);
      const string = kString.exec(line.slice(at, at + 5));
      if (c === "#") break;
      if (string && !/\w/.test(line.charAt(at - 1))) {
        const begin = string[1] ?? "";
        const end = endOfString(line, at + string[0].length, begin);
        if (end < 0 && (begin.length === 3 || line.endsWith("\\"))) quote = begin;
        at = end < 0 ? line.length : end;
        continue;
      }
      if ("([{".includes(c)) depth++;
      if (")]}".includes(c)) depth = Math.max(0, depth - 1);
      if (c === "\\" && at === line.length - 1) continued = true;
      at++;
    }
    const statement = found.at(-1);
    if (statement) statement.last = number;
  });
  return found;
}

/** From `at` on: the statement with its block, and with what goes on with it. */
function whole(all: Statement[], at: number): { range: Range; next: number } {
  const begin = all[at];
  if (!begin) return { range: { first: 0, last: 0 }, next: all.length };
  let next = at + 1;
  let last = begin.last;
  let decorated = begin.decorates;
  for (let statement; (statement = all[next]); next++) {
    const belongs = statement.indent > begin.indent || (statement.indent === begin.indent && (decorated || statement.continues));
    if (!belongs) break;
    if (statement.indent === begin.indent) decorated = statement.decorates;
    last = statement.last;
  }
  return { range: { first: begin.first, last }, next };
}

function smallest(all: Statement[], line: number, deep: boolean): Range | undefined {
  for (let at = 0; at < all.length; ) {
    const { range, next } = whole(all, at);
    if (line <= range.last) {
      const inside = all.slice(at + 1, next).filter((statement) => statement.indent > (all[at]?.indent ?? 0));
      const heads = all.slice(at, next).filter((statement) => !inside.includes(statement));
      const isHead = line < range.first || heads.some((head) => head.first <= line && line <= head.last);
      return (deep && !isHead && smallest(inside, line, true)) || range;
    }
    at = next;
  }
  return undefined;
}

/** The function, class or other statement at the margin around the line; at a blank line the next one. */
export function blockAt(lines: string[], line: number): Range | undefined {
  return smallest(statements(lines), line, false);
}

/** The statement that begins, or goes on, at the line. */
export function statementAt(lines: string[], line: number): Range | undefined {
  return smallest(statements(lines), line, true);
}

const kMark = /^\s*# ?%%|^# In\[/;

/** The cells: what stands between two lines that begin with `# %%`. Without such a line there are none. */
export function cells(lines: string[]): Range[] {
  const marks = lines.flatMap((line, number) => (kMark.test(line) ? [number] : []));
  if (marks.length > 0 && marks[0] !== 0) marks.unshift(0);
  return marks.map((first, at) => ({ first, last: (marks[at + 1] ?? lines.length) - 1 }));
}

export function cellAt(lines: string[], line: number): Range {
  return cells(lines).find((cell) => line <= cell.last) ?? { first: 0, last: lines.length - 1 };
}

/** The dotted name of a file in a package, and of any other file its own name. `isPackage` says whether a folder is one. */
export function moduleOf(path: string, isPackage: (folder: string) => boolean): { name: string; packaged: boolean } {
  const parts = path.replace(/\.pyw?$/, "").split("/");
  let first = parts.length - 1;
  while (first > 1 && isPackage(parts.slice(0, first).join("/"))) first--;
  const packaged = first < parts.length - 1;
  const names = parts.slice(first);
  if (packaged && names.at(-1) === "__init__") names.pop();
  return { name: names.join("."), packaged };
}
