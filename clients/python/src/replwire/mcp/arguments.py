"""What each tool takes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid")


Name = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$",
        description="which session: a name of your choice, with variables of its own",
    ),
]


class InSession(Arguments):
    session: Name = "main"


class Execute(InSession):
    code: str = Field(description="Python code; the value of a last expression is told")
    timeout: float | None = Field(
        None, ge=0, le=1e9, description="seconds after which it is interrupted; 0: none"
    )


class Answer(InSession):
    text: str | None = Field(None, description="the answer, without a newline")
    end_of_file: bool = Field(False, description="instead: EOFError for the code that asks")
    refuse: bool = Field(False, description="instead: RuntimeError for the code that asks")
    question: str | None = Field(None, description="its id, when several wait")


class Variables(InSession):
    prefix: str = Field("", description="only names that begin with it")
    offset: int = Field(0, ge=0, description="how many to skip")
    limit: int = Field(100, ge=1, le=1000, description="how many to tell")


class Inspect(InSession):
    expression: str = Field(description="a name, or names with dots")
    source: bool = Field(False, description="the source code as well")


class Undo(InSession):
    count: int = Field(1, ge=1, description="how many executions")


class Checkpoint(InSession):
    name: str | None = Field(None, description="for `restore`")


class Restore(InSession):
    checkpoint: str = Field(description="the name or the id of a checkpoint")


class Branch(InSession):
    session: Name = Field("main", description="that it branches from")
    name: Name = Field(description="the new session's; no other one may have it")
    checkpoint: str | None = Field(
        None, description="begin in this checkpoint of that session, by name or id; else as it is"
    )


class InFile(InSession):
    path: str = Field(description="in the session's working directory, unless it begins with /")
    names: list[str] | None = Field(None, description="only these variables; else all")


class Output(InSession):
    execution: int = Field(description="its number")
    stream: Literal["stdout", "stderr"] = "stdout"
    offset: int = Field(0, ge=0, description="in bytes of the stream")
    length: int | None = Field(None, ge=1, description="how many bytes")


class NoArguments(Arguments):
    pass
