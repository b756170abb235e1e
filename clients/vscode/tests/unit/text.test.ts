import assert from "node:assert/strict";
import { test } from "node:test";
import { formsHtml, lineHtml, plainHtml } from "../../src/html";
import { style, TerminalText } from "../../src/text";

function text(...pieces: string[]): string[] {
  const made = new TerminalText();
  for (const piece of pieces) made.append(piece, false);
  return made.shown().map((line) => line.text);
}

test("what a terminal does with control characters", () => {
  assert.deepEqual(text("1 %\r2 %\r100 %\n"), ["100 %"]);
  assert.deepEqual(text("abc\b\bX"), ["aXc"]);
  assert.deepEqual(text("one\ntwo\x1b[A\rONE\n"), ["ONE", "two"]);
  assert.deepEqual(text("long line\r\x1b[Kshort"), ["short"]);
  assert.deepEqual(text("\x1b]0;title\x07shown\x1b(B"), ["shownB"]);
});

test("an escape sequence may come in pieces", () => {
  assert.deepEqual(text("a\x1b", "[3", "1mred\x1b[0m\n"), ["ared"]);
});

test("colours become classes", () => {
  const made = new TerminalText();
  made.append("\x1b[1;31mred\x1b[0m plain <b>\x1b[92mbright", false);
  made.append("!", true);
  assert.equal(
    lineHtml(made.lines[0] ?? { text: "", styles: "" }),
    '<span class="c1 bold">red</span> plain &#60;b&#62;<span class="c10">bright</span><span class="c10 stderr">!</span>',
  );
});

test("a very long line is cut, and what follows has its own", () => {
  const [first, second] = text("x".repeat(1e6) + "y".repeat(1e6), "z\nnext");
  assert.ok(first && first.length < 3000 && first.endsWith(" …"));
  assert.equal(second, "next");
});

test("old lines are dropped, and counted", () => {
  const made = new TerminalText();
  for (let n = 0; n < 1000; n++) {
    made.append(`${n}\n`, false);
    made.bound(100);
  }
  assert.ok(made.lines.length <= 121);
  assert.equal(made.shown().at(-1)?.text, "999");
  assert.equal(made.dropped + made.shown().length, 1000);
});

test("places are links", () => {
  const link = (line: string) => lineHtml({ text: line, styles: style(0, false, false).repeat(line.length) });
  assert.equal(
    link('  File "/a & b.py", line 12, in f'),
    '  File &#34;<a href="#" data-file="/a &#38; b.py" data-line="12">/a &#38; b.py&#34;, line 12</a>, in f',
  );
  assert.equal(plainHtml("[3] a.py:2-4", "header")[0], '<span class="header">[3] <a href="#" data-file="a.py" data-line="2">a.py:2-4</a></span>');
  assert.equal(link("time 12:30"), "time 12:30");
});

test("of a value's forms the richest is shown", () => {
  assert.deepEqual(formsHtml({ "text/plain": "P", "text/html": "<b>P</b>" }), ['<div class="html"><b>P</b></div>']);
  assert.deepEqual(formsHtml({ "text/plain": "P", "image/png": "iVBO\nRw==" }), ['<img src="data:image/png;base64,iVBORw==">']);
  assert.deepEqual(formsHtml({ "text/plain": "<a>" }), ['<span class="value">&#60;a&#62;</span>']);
});
