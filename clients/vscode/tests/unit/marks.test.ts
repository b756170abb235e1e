import assert from "node:assert/strict";
import { test } from "node:test";
import { lineAfter, Marks } from "../../src/marks";

const edit = (from: [number, number], to: [number, number], text: string) => ({
  range: { start: { line: from[0], character: from[1] }, end: { line: to[0], character: to[1] } },
  text,
});

test("a line moves with what is inserted and deleted above it", () => {
  assert.equal(lineAfter(5, edit([0, 0], [0, 0], "new\n")), 6);
  assert.equal(lineAfter(5, edit([5, 0], [5, 0], "new\n")), 6); // at its beginning
  assert.equal(lineAfter(5, edit([5, 3], [5, 3], "\n")), 5); // at its end
  assert.equal(lineAfter(5, edit([5, 1], [5, 2], "x")), 5);
  assert.equal(lineAfter(5, edit([1, 0], [3, 0], "")), 3);
  assert.equal(lineAfter(5, edit([4, 0], [6, 0], "")), undefined);
  assert.equal(lineAfter(5, edit([6, 0], [9, 0], "")), 5);
});

test("marks travel with their lines, and give way to those of a new execution", () => {
  const marks = new Marks<{ first: number; last: number }, string>();
  const one = { first: 2, last: 4 };
  marks.begin(one, "…", "busy");
  marks.put(one, 3, "= 1", "value");
  marks.put(one, "end", "= 2", "value");
  marks.edit(edit([0, 0], [0, 0], "# new\n"));
  assert.deepEqual(marks.all().map(({ line, text }) => [line, text]), [
    [5, "= 2"],
    [4, "= 1"],
  ]);
  assert.equal(marks.shift(one), 1);
  marks.begin({ first: 4, last: 4 }, "…", "busy");
  assert.deepEqual(marks.all().map(({ line, text }) => [line, text]), [
    [5, "= 2"],
    [4, "…"],
  ]);
  marks.edit(edit([3, 0], [6, 0], ""));
  assert.equal(marks.shift(one), undefined);
  marks.put(one, 3, "late", "value");
  assert.deepEqual(marks.all(), []);
});
