import assert from "node:assert/strict";
import { test } from "node:test";
import { Connection } from "../../src/connection";
import type { Frames } from "../../src/frames";
import { Lines, parse } from "../../src/server";
import { Session, type Front, type Question } from "../../src/session";

const kPatience = 60_000;
const kServer = (process.env["REPLWIRE"] ?? "replwire").split(" ");

/** A session with a real server, and what its front was told. */
class Told {
  readonly notes: string[] = [];
  readonly shown: string[] = [];
  readonly questions: Question[] = [];
  readonly errors: Frames["error"][] = [];
  readonly session: Session;
  private wake = () => {};

  constructor(options: string[], command = [...kServer, ...options, "--position-encoding", "utf-16"], limits = {}) {
    const front: Front = {
      options: () => ({ outputLimit: 0, timeout: 0, grace: 0.2, viewLines: 5000, inline: true, ...limits }),
      changed: () => this.wake(),
      touched: () => this.wake(),
      began: () => {},
      show: (execution, text) => this.shown.push(`${execution.first}: ${text}`),
      value: (_, line, text) => this.shown.push(`${line}: ${text}`),
      error: (_, frame) => this.errors.push(frame),
      ask: (question) => this.questions.push(question),
      withdraw: (question) => this.questions.splice(this.questions.indexOf(question), 1),
      note: (text) => this.notes.push(text),
    };
    this.session = new Session("test", "/project", front, new Connection(command, "/"));
  }

  run(code: string, first = 0): Promise<void> {
    const last = first + code.split("\n").length - 1;
    return this.session.execute({ code, filename: "/project/a.py", first, last, document: "file:///project/a.py" });
  }

  /** Waits until it holds; whatever is told wakes it. */
  async until(condition: () => boolean): Promise<void> {
    const end = Date.now() + kPatience;
    while (!condition()) {
      if (Date.now() > end) throw new Error(`${condition}\nnotes: ${this.notes.join("; ")}\noutput:\n${this.output()}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  idle(): Promise<void> {
    return this.until(() => this.session.state().state === "idle");
  }

  output(): string {
    this.session.output.forget();
    return this.session.output.changes().changes.flatMap(({ lines }) => lines).join("\n").replace(/<[^>]*>/g, "");
  }

  shows(text: string): Promise<void> {
    return this.until(() => this.output().includes(text));
  }
}

async function withSession(options: string[], body: (told: Told) => Promise<void>, command?: string[], limits = {}): Promise<void> {
  const told = new Told(options, command, limits);
  try {
    await body(told);
  } finally {
    await told.session.stop(1000);
  }
}

test("a read may end in the middle of a line, and bring many", () => {
  const lines = new Lines();
  assert.deepEqual(lines.take('{"a"'), []);
  assert.deepEqual(lines.take(":"), []);
  assert.deepEqual(lines.take('1}\n{"b":2}\n{'), ['{"a":1}', '{"b":2}']);
  assert.deepEqual(lines.take("}\n"), ["{}"]);
  assert.deepEqual(parse('{"a":1}'), { a: 1 });
  assert.equal(parse("Welcome to host"), undefined);
  assert.equal(parse("12"), undefined);
});

test("output, values of lines, the last value, and how it is said what ran", () =>
  withSession([], async (told) => {
    await told.run("print('hello')\n6 * 7\nNone\n'é🐍'", 10);
    await told.idle();
    assert.match(told.output(), /\[1\] a\.py:11-14\nhello\n'é🐍'/);
    assert.deepEqual(told.shown, ["10: …", "11: 42", "10: = 'é🐍'"]);
    }));

test("questions are answered, ended, refused and withdrawn", () =>
  withSession([], async (told) => {
    await told.run("import getpass\nprint(input('a? '), getpass.getpass('b? '))\ninput('c? ')");
    for (const [prompt, password, answer] of [["a? ", false, { data: "Ada" }], ["b? ", true, { data: "secret" }], ["c? ", false, { eof: true }]] as const) {
      await told.until(() => told.questions.length > 0);
      const [question] = told.questions;
      assert.ok(question);
      assert.deepEqual([question.prompt, question.password], [prompt, password]);
      assert.equal(told.session.state().state, "waiting for input");
      told.session.answer(question, answer);
    }
    await told.idle();
    assert.match(told.output(), /Ada secret/);
    assert.equal(told.errors[0]?.exception_type, "EOFError");
    await told.run("input('d? ')");
    await told.until(() => told.questions.length > 0);
    told.session.interrupt(1);
    await told.idle();
    assert.deepEqual(told.questions, []);
  }));

test("columns count UTF-16 units", () =>
  withSession([], async (told) => {
    await told.run("'🐍', x");
    await told.idle();
    assert.deepEqual(told.errors[0]?.frames?.map(({ line, column, end_column }) => [line, column, end_column]), [[1, 6, 7]]);
  }));

test("a crash costs one execution, undo one more, and each is told in a line", () =>
  withSession(["--survive"], async (told) => {
    await told.run("kept = 1");
    await told.run("kept = 2", 1);
    await told.run("import ctypes; ctypes.string_at(0)", 2);
    await told.run("print('kept is', kept)", 3);
    await told.shows("kept is 2");
    await told.idle();
    assert.deepEqual(told.notes, ["Python died of SIGSEGV in a.py:3; the variables are as before"]);
    await told.session.request("undo", { count: 2 });
    assert.ok(told.shown.includes("1: undone"));
    await told.run("print('now', kept)");
    await told.shows("now 1");
  }));

test("the death of the server is told, with what was running", () =>
  withSession([], async (told) => {
    await told.run("import os; os._exit(3)");
    await told.until(() => !told.session.alive);
    assert.match(told.notes[0] ?? "", /^the session test has died of exit status 3 in a\.py:1, for 0 s$/);
    assert.equal(told.shown.at(-1), "0: not finished");
    await assert.rejects(told.session.request("status"));
  }));

test("a server that does not start says why", async () => {
  const missing = new Told([], ["/no/such/program"]);
  await missing.until(() => missing.notes.length > 0);
  assert.match(missing.notes[0] ?? "", /does not start: .*ENOENT/);
  const wrong = new Told(["--no-such-option"]);
  await wrong.until(() => wrong.notes.length > 0);
  assert.match(wrong.notes[0] ?? "", /does not start: .*--no-such-option/);
  await assert.rejects(wrong.run("1"));
});

test("what a shell says before is skipped", () =>
  withSession(
    [],
    async (told) => {
      await told.run("print('there')");
      await told.shows("there");
    },
    ["sh", "-c", 'echo Welcome; exec "$@"', "sh", ...kServer, "--position-encoding", "utf-16"],
  ));

test("a branch goes on from the state of its parent, beside it", (context) =>
  withSession(["--survive"], async (told) => {
    await told.run("x = 1");
    if (!told.session.connection.has("branch")) return context.skip("this server has no branches");
    const branch = await told.session.fork("other");
    await branch.execute({ code: "x += 1; print('branch', x)", first: 0, last: 0 });
    await told.run("print('first', x)");
    await told.shows("first 1");
    await told.until(() => branch.state().state === "idle");
    branch.output.forget();
    assert.match(JSON.stringify(branch.output.changes()), /branch 2/);
    await branch.stop();
    assert.equal(branch.alive, false);
    assert.equal(told.session.alive, true);
  }));

test("a flood of 11 MB is bounded, and lets others have their turn", () =>
  withSession([], async (told) => {
    let longest = 0;
    let before = performance.now();
    const turn = setInterval(() => {
      longest = Math.max(longest, performance.now() - before);
      before = performance.now();
    }, 1);
    await told.run("for n in range(11 * 10**6 // 100): print(f'{n:099}')");
    await told.idle();
    clearInterval(turn);
    const lines = told.output().split("\n");
    assert.ok(lines.length < 7000, String(lines.length));
    assert.ok(lines.some((line) => line.endsWith("109999")));
    console.log(`   flood of 11 MB: longest turn ${longest.toFixed(0)} ms`);
    assert.ok(longest < 1000, String(longest));
  }));
