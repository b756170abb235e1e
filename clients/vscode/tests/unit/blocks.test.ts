import assert from "node:assert/strict";
import { test } from "node:test";
import { blockAt, cellAt, cells, moduleOf, statementAt } from "../../src/blocks";

const lines = (source: string) => source.split("\n");

function shown(find: typeof blockAt, source: string, line: number): string | undefined {
  const range = find(lines(source), line);
  return range && `${range.first}-${range.last}`;
}

const kSource = `import os

@decorator
@other(1,
       2)
def area(width, # a bracket in a comment: (
         height=1):
    """Text
with ) a bracket
"""
    if width:
        return "(" + '\\'['

    elif height: return {
        1: 2}
    else:
        return (width *
                height)
# a comment
x = [1,
     2] + \\
    [3]

try:
    y = 1
except ValueError:
    y = 2
finally:
    print(y)
z = rb'''
if nothing:
'''; w = 2
for n in range(3): print(n)`;

test("a block is the statement at the margin with all that belongs to it", () => {
  for (const line of [2, 4, 6, 8, 11, 12, 16]) assert.equal(shown(blockAt, kSource, line), "2-17");
  assert.equal(shown(blockAt, kSource, 0), "0-0");
  assert.equal(shown(blockAt, kSource, 1), "2-17"); // at a blank line the next one
  for (const line of [19, 20, 21]) assert.equal(shown(blockAt, kSource, line), "19-21");
  for (const line of [23, 24, 25, 27, 28]) assert.equal(shown(blockAt, kSource, line), "23-28");
  for (const line of [29, 30, 31]) assert.equal(shown(blockAt, kSource, line), "29-31");
  assert.equal(shown(blockAt, kSource, 32), "32-32");
  assert.equal(shown(blockAt, "x = 1\n\n", 2), undefined);
});

test("a statement is the innermost one that begins, or goes on, at the line", () => {
  assert.equal(shown(statementAt, kSource, 11), "11-11");
  assert.equal(shown(statementAt, kSource, 16), "16-17");
  assert.equal(shown(statementAt, kSource, 17), "16-17");
  assert.equal(shown(statementAt, kSource, 10), "10-17"); // the whole `if`
  assert.equal(shown(statementAt, kSource, 13), "10-17");
  assert.equal(shown(statementAt, kSource, 3), "2-17"); // a decorator
  assert.equal(shown(statementAt, kSource, 8), "7-9");
  assert.equal(shown(statementAt, kSource, 24), "24-24");
  assert.equal(shown(statementAt, kSource, 25), "23-28");
  assert.equal(shown(statementAt, "\nif x:\n    y", 0), "1-2");
});

test("a string that is not closed ends with its line", () => {
  assert.equal(shown(blockAt, "x = 'open\ny = 2", 1), "1-1");
});

test("cells stand between lines that begin with # %%", () => {
  const source = lines("import os\n# %% one\na\n\n#%%\nb\n# In[3]:\nc");
  assert.deepEqual(cells(source), [
    { first: 0, last: 0 },
    { first: 1, last: 3 },
    { first: 4, last: 5 },
    { first: 6, last: 7 },
  ]);
  assert.deepEqual(cellAt(source, 3), { first: 1, last: 3 });
  assert.deepEqual(cells(["a", "b"]), []);
  assert.deepEqual(cellAt(["a", "b"], 1), { first: 0, last: 1 });
});

test("a file of a package has a dotted name", () => {
  const isPackage = (folder: string) => ["/p/pack", "/p/pack/inner"].includes(folder);
  assert.deepEqual(moduleOf("/p/pack/inner/a.py", isPackage), { name: "pack.inner.a", packaged: true });
  assert.deepEqual(moduleOf("/p/pack/__init__.py", isPackage), { name: "pack", packaged: true });
  assert.deepEqual(moduleOf("/p/a.py", isPackage), { name: "a", packaged: false });
  assert.deepEqual(moduleOf("untitled:Untitled-1", isPackage), { name: "untitled:Untitled-1", packaged: false });
});
