"""Random calls of a client's against a model of the session, whose shortest failure is shown.

The session's state is a list; each execution that changes it appends a number of its own. The model
knows the list. MACHINE_EXAMPLES in the environment asks for as many sequences, new ones each time.
"""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import pytest

from replwire import ExecutionError, RequestRefused, Result, frames, sync

pytest.importorskip("hypothesis", reason="python3-hypothesis is not installed")

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "5"))  # hundreds, by hand
STEPS = 20
TEXTS = st.text(st.characters(blacklist_categories=("Cs",)), max_size=30)


class Machine(RuleBasedStateMachine):
    """Without --survive: nothing is ever undone."""

    args: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.session = sync.Session(args=self.args, trace=self.hear)
        self.heard: list[dict[str, Any]] = []  # frames `restored`
        self.log: list[int] = []
        self.before: list[list[int]] = []  # what each execution, since the last restore, has found
        self.number = 0

    def hear(self, direction: str, line: bytes) -> None:
        if direction == "<" and b'"type":"restored"' in line:
            self.heard.append(json.loads(line))

    @initialize()
    def start(self) -> None:
        self.session.start()
        self.run("import os, signal, sys, time\nlog = []")

    def teardown(self) -> None:
        self.session.close()
        assert self.session.closed

    # ---- what each call goes through -----------------------------------------------------------

    def run(self, code: str, **options: Any) -> Result | ExecutionError:
        self.before.append(self.log.copy())
        return self.session.execute(code, check=False, **options)

    def append(self, rest: str = "", **options: Any) -> Result | ExecutionError:
        self.number += 1
        outcome = self.run(f"log.append({self.number})\n{rest}", **options)
        self.log = [*self.log, self.number]
        return outcome

    # ---- rules ---------------------------------------------------------------------------------

    @rule(text=TEXTS, stream=st.sampled_from(["stdout", "stderr"]))
    def print(self, text: str, stream: str) -> None:
        outcome = self.append(f"x = sys.{stream}.write({text!r})")
        assert outcome.ok, outcome
        assert getattr(outcome, stream) == text

    @rule(value=st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
                             lambda each: st.lists(each) | st.dictionaries(TEXTS, each),
                             max_leaves=8))  # fmt: skip
    def value(self, value: Any) -> None:
        outcome = self.append(repr(value))
        assert outcome.ok, outcome
        assert outcome.value == value

    @rule()
    def fail(self) -> None:
        outcome = self.append("1 / 0")
        assert isinstance(outcome, ExecutionError)
        assert outcome.type == "ZeroDivisionError"

    @rule(answers=st.lists(TEXTS.map(lambda text: "".join(text.splitlines())), max_size=3))
    def ask(self, answers: list[str]) -> None:
        given = iter(answers)
        count = len(answers)
        outcome = self.append(f"[input() for n in range({count})]", on_input=lambda _: next(given))
        assert outcome.ok, outcome
        assert outcome.value == answers

    @rule(count=st.integers(1, 5))
    def stream(self, count: int) -> None:
        self.before.append(self.log.copy())
        lines = ""
        with self.session.stream(f"for n in range({count}): print(n, flush=True)") as events:
            for event in events:
                lines += event.data if isinstance(event, frames.Output) else ""
        assert lines == "".join(f"{n}\n" for n in range(count))

    @rule()
    def leave_a_stream(self) -> None:
        """It is interrupted, and what comes behind it is not."""
        self.before.append(self.log.copy())
        with self.session.stream("print('on', flush=True)\nwhile True: time.sleep(10)") as events:
            for event in events:
                if isinstance(event, frames.Output):
                    break

    @rule()
    def interrupt_nothing(self) -> None:
        assert self.session.interrupt().outcome == "not_running"

    @rule()
    def time_out(self) -> None:
        outcome = self.append("while True: time.sleep(10)", timeout=0.05)
        assert isinstance(outcome, ExecutionError)
        assert outcome.reason == "timeout"

    @rule()
    def ask_about_code(self) -> None:
        assert "log" in self.session.complete("lo").matches
        assert self.session.is_complete("for").status == "invalid"
        assert any(each.name == "log" for each in self.session.variables("log").variables)

    @rule()
    def status(self) -> None:
        assert self.session.status().state == "idle"

    @invariant()
    def state_is_the_models(self) -> None:
        if self.session.closed or not self.before:
            return
        self.before.append(self.log.copy())
        outcome = self.session.execute("log", check=False)
        assert outcome.ok, outcome
        assert outcome.value == self.log


class SurvivingMachine(Machine):
    """With --survive, and an interpreter that dies now and then."""

    args = ("--survive", "--snapshots", "3")

    def restored(self) -> dict[str, Any]:
        assert len(self.heard) == 1, self.heard
        return self.heard.pop()

    @rule(
        end=st.sampled_from(["os.abort()", "os._exit(3)", "os.kill(os.getpid(), signal.SIGKILL)"])
    )
    def die(self, end: str) -> None:
        self.heard.clear()
        outcome = self.run(f"log.append(0)\n{end}")
        assert isinstance(outcome, ExecutionError)
        assert outcome.reason == "crash"
        assert self.restored()["undone"] == []
        self.before.clear()
        self.state_behind_restore()

    @rule()
    def be_killed(self) -> None:
        """At rest, from outside: nothing that was told is lost."""
        self.heard.clear()
        os.kill(self.interpreter(), signal.SIGKILL)
        while not self.heard:
            self.session.status()
        assert self.restored()["undone"] == []
        self.before.clear()
        self.state_behind_restore()

    @rule(always=st.booleans(), fails=st.booleans())
    def roll_back(self, always: bool, fails: bool) -> None:
        self.heard.clear()
        way = "rollback_always" if always else "rollback_on_failure"
        self.run(f"log.append(-1)\n{'1 / 0' if fails else ''}", transaction=way)
        if always or fails:
            assert self.restored()["cause"] == "rollback"
            self.before.clear()
        else:
            self.log = [*self.log, -1]

    @rule(count=st.integers(1, 3))
    def undo(self, count: int) -> None:
        self.heard.clear()
        if count > len(self.before):
            return
        try:
            self.session.undo(count)
        except RequestRefused:  # so far back there is no snapshot
            assert count > 2
            return
        self.log = self.before[-count]
        assert self.restored()["cause"] == "undo"
        self.before.clear()

    @rule()
    def go_back_to_a_checkpoint(self) -> None:
        self.heard.clear()
        there = self.session.checkpoint().checkpoint_id
        self.run("log.append(-2)")
        assert self.session.restore(there).checkpoint_id == there
        assert self.restored()["cause"] == "restore"
        self.before.clear()

    @rule()
    def be_refused(self) -> None:
        with pytest.raises(RequestRefused):
            self.session.restore("nonsense")

    def interpreter(self) -> int:
        outcome = self.run("os.getpid()")
        assert isinstance(outcome, Result)
        return int(outcome.value)

    def state_behind_restore(self) -> None:
        self.state_is_the_models()


limits = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    derandomize="MACHINE_EXAMPLES" not in os.environ,
)


@pytest.mark.parametrize("machine", [Machine, SurvivingMachine])
def test_calls_of_any_kind_in_any_order(machine: type[Machine]) -> None:
    run_state_machine_as_test(machine, settings=limits)  # type: ignore[no-untyped-call]
