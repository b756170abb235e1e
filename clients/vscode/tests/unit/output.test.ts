import assert from "node:assert/strict";
import { test } from "node:test";
import { Output } from "../../src/output";

/** An output, and the view that draws what it tells. */
function drawn(bound = 1000) {
  const output = new Output(
    () => bound,
    () => {},
  );
  const view = new Map<number, string[]>();
  const draw = () => {
    const { changes, first } = output.changes();
    for (const { block, from, lines } of changes) view.set(block, [...(view.get(block) ?? []).slice(0, from), ...lines]);
    for (const id of view.keys()) if (id < first) view.delete(id);
    return [...view.keys()].sort((a, b) => a - b).flatMap((id) => view.get(id) ?? []);
  };
  return { output, draw };
}

test("only what has changed is drawn", () => {
  const { output } = drawn();
  const block = output.block();
  output.text(block, "one\ntwo\n", false);
  assert.deepEqual(output.changes().changes, [{ block: 0, from: 0, lines: ["one", "two"] }]);
  output.text(block, "three\n", false);
  assert.deepEqual(output.changes().changes, [{ block: 0, from: 2, lines: ["three"] }]);
  assert.deepEqual(output.changes().changes, []);
});

test("late output stands behind that of its execution", () => {
  const { output, draw } = drawn();
  const [first, second] = [output.block(), output.block()];
  output.text(second, "second\n", false);
  draw();
  output.text(first, "late\n", false);
  assert.deepEqual(draw(), ["late", "second"]);
});

test("clear_output removes all but the header, or waits for what comes", () => {
  const { output, draw } = drawn();
  const block = output.block();
  output.header(block, "[1]");
  output.text(block, "old\n", false);
  output.clearBlock(block, true);
  assert.equal(draw().length, 2);
  output.text(block, "new\n", false);
  assert.deepEqual(draw().slice(1), ["new"]);
  output.clearBlock(block, false);
  assert.equal(draw().length, 1);
});

test("a display is updated where it stands", () => {
  const { output, draw } = drawn();
  const block = output.block();
  output.forms(block, { "text/html": "one" }, "it");
  output.text(block, "behind\n", false);
  output.update("it", { "text/html": "two" });
  assert.deepEqual(draw(), ['<div class="html">two</div>', "behind"]);
});

test("it is bounded", () => {
  const { output, draw } = drawn(100);
  const shown = Array.from({ length: 200 }, () => {
    output.text(output.block(), "a\nb\n", false);
    return draw().length;
  });
  assert.ok(Math.max(...shown) <= 122, String(Math.max(...shown)));
  const block = output.block();
  for (let n = 0; n < 1e5; n++) output.text(block, `${n}\n`, false);
  assert.ok(draw().length <= 250);
});

test("what was cleared away comes back with what it has to say", () => {
  const { output, draw } = drawn();
  const block = output.block();
  output.header(block, "[…]");
  output.text(block, "old\n", false);
  draw();
  output.clear();
  assert.deepEqual(draw(), []);
  output.text(block, "new\n", false);
  assert.deepEqual(draw(), ['<span class="header">[…]</span>', "new"]);
});

test("a new view gets all of it", () => {
  const { output } = drawn();
  output.text(output.block(), "one\n", false);
  output.changes();
  output.forget();
  assert.deepEqual(output.changes().changes, [{ block: 0, from: 0, lines: ["one"] }]);
});
