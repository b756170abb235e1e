"""The tools as a server of the Model Context Protocol, on its official SDK."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any, Literal, cast

from mcp import types
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.shared.exceptions import MCPError
from mcp.types.version import HANDSHAKE_PROTOCOL_VERSIONS
from pydantic import ValidationError

from .. import frames
from ..errors import ReplwireError
from ..version import VERSION
from .account import Account
from .catalogue import TOOLS, Tool
from .images import Picture
from .running import Confirmation, Running
from .sessions import Named, Sessions, Trouble
from .tools import Answered, Asked, Declined, Tools, for_a_person, refusal

NAME = "replwire"
DAY = 86400.0  # seconds; how long a person may take to answer
Context = ServerRequestContext[Any, Any]
Result = dict[str, Any] | types.InputRequiredResult
Question = frames.Input | Confirmation
_ASKED = {
    "type": "object",
    "properties": {"answer": {"type": "string", "title": "Answer"}},
    "required": ["answer"],
}
_ALLOWED: dict[str, Any] = {"type": "object", "properties": {}}  # accepting it says all
INSTRUCTIONS = """\
Python sessions whose variables last from call to call. `execute` runs code in the session that you
name ("main" unless you say otherwise); sessions share nothing and run side by side. After an error,
a crash or a time-out go on in the same session: its variables are still there. `undo` takes back
executions, `checkpoint` and `restore` whole states; `branch` begins another session in the state of
one. When code waits in input() and nobody could be asked, `answer` it; never put a person's
password there."""
SANDBOXED = """
The code runs in a sandbox ({0}): it writes below the working directory at most, and has no
network."""
UNFENCED = """
There is no sandbox: the code has all rights of the user who started this server."""


HOST = """
Tools of other servers ({0}) are functions for the code: `import host; help(host)` lists them, each
named by its server and its own name. They run outside of the sandbox."""


def instructions(sandbox: str, others: Iterable[str] = ()) -> str:
    fence = SANDBOXED.format(sandbox) if sandbox != "none" else UNFENCED
    names = ", ".join(others)
    return INSTRUCTIONS + fence + (HOST.format(names) if names else "")


class Call:
    """One call of a tool: the `Caller` that tools know."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.wants_progress = bool(context.meta and context.meta.get("progress_token") is not None)
        self.asks: Literal["now", "by_result", "never"] = "never"
        if _has_forms(context.session.client_capabilities):
            self.asks = "now" if context.session.can_send_request else "by_result"

    async def progress(self, count: int, text: str) -> None:
        await self._context.session.report_progress(count, message=text)

    async def ask(self, named: Named, question: Question) -> str | EOFError | Declined | None:
        try:
            answer = await self._context.session.elicit_form(
                asked_of_person(named, question), form_of(question), self._context.request_id
            )
        except (MCPError, ValidationError):
            return None
        return answered(answer)


def _has_forms(capabilities: types.ClientCapabilities | None) -> bool:
    elicitation = capabilities.elicitation if capabilities is not None else None
    # As of 2025-06-18 it had no modes, and meant forms.
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def form_of(question: Question) -> dict[str, Any]:
    return _ALLOWED if isinstance(question, Confirmation) else _ASKED


def asked_of_person(named: Named, question: Question) -> str:
    if isinstance(question, Confirmation):
        return f"Python session {named.name!r} wants to call {question.prompt}"
    prompt = question.prompt.strip() or "(no prompt)"
    return f"Python session {named.name!r} asks: {prompt}"


def answered(result: types.ElicitResult) -> str | EOFError | Declined:
    if result.action == "decline":
        return Declined()
    if result.action == "cancel":
        return EOFError()
    return str((result.content or {}).get("answer") or "")


async def _one_era(ctx: Context, call_next: CallNext) -> HandlerResult:
    """A connection that has begun with the handshake stays there, as the SDK's own `run` has it."""
    shaken = ctx.protocol_version in HANDSHAKE_PROTOCOL_VERSIONS
    if shaken and ctx.meta and types.PROTOCOL_VERSION_META_KEY in ctx.meta:
        reason = "this connection began with the handshake: no request of 2026-07-28"
        raise MCPError(types.INVALID_REQUEST, reason)
    return await call_next(ctx)


class AgentServer:
    """Serves one client."""

    def __init__(self, sessions: Sessions, sandbox: str) -> None:
        self._sessions = sessions
        self._tools = Tools(sessions)
        self._by_name = {tool.name: tool for tool in TOOLS}
        self._listed = types.ListToolsResult(tools=[_listed(tool) for tool in TOOLS])
        self.server: Server[Any] = Server(
            NAME,
            version=VERSION,
            title="Python sessions that survive",
            instructions=instructions(sandbox, sessions.options.others),
            on_list_tools=self._list,
        )
        self.server.add_request_handler("tools/call", types.CallToolRequestParams, self._call)
        if "opentelemetry.sdk" not in sys.modules:  # nobody would record what they measure
            self.server.middleware.clear()
        boundary = RequestStateBoundary(
            RequestStateSecurity.ephemeral(ttl=DAY), default_audience=NAME
        )
        self.server.middleware.extend((_one_era, boundary))

    async def _list(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return self._listed

    async def _call(self, context: Context, params: types.CallToolRequestParams) -> Result:
        tool = self._by_name.get(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name}")
        try:
            arguments = tool.arguments.model_validate(params.arguments or {})
        except ValidationError as error:
            raise MCPError(types.INVALID_PARAMS, _what_is_wrong(tool, error)) from None
        caller = Call(context)
        try:
            if params.request_state is not None:
                return _result(await self._go_on(params, caller))
            return _result(await tool.call(self._tools, arguments, caller))
        except Asked as asked:
            return self._questions(asked.running)
        except (Trouble, ReplwireError) as error:
            return _answer([_text(str(error))], is_error=True)

    # ---- questions as results: 2026-07-28 -----------------------------------------------------

    def _questions(self, running: Running) -> types.InputRequiredResult:
        named = next(each for each in self._sessions.named.values() if running in each.running)
        requests: dict[str, types.InputRequest] = {
            question.id: types.ElicitRequest(
                params=types.ElicitRequestFormParams(
                    message=asked_of_person(named, question), requested_schema=form_of(question)
                )
            )
            for question in for_a_person(running)
        }
        state = json.dumps([named.name, running.execution.id, list(requests)])
        return types.InputRequiredResult(input_requests=requests, request_state=state)

    async def _go_on(self, params: types.CallToolRequestParams, caller: Call) -> Account:
        """The client comes back with answers. What it carries is its own doing but for the state,
        which is sealed."""
        name, id, asked = json.loads(params.request_state or "")
        named = self._sessions.find(name)
        running = next((each for each in named.running if each.execution.id == id), None)
        if running is None:
            raise Trouble(f"the execution in session {name!r} has ended, or was told already")
        for question in for_a_person(running):
            answer = (params.input_responses or {}).get(question.id)
            if question.id not in asked or not isinstance(answer, types.ElicitResult):
                continue
            if isinstance(question, Confirmation):
                del running.confirmations[question.id]
                question.settle(refusal(answered(answer)))
            else:
                del running.questions[question.id]
                named.session.answer(question, answered(answer))
        return await self._tools.wait(named, running, caller)


def _listed(tool: Tool) -> types.Tool:
    hints = types.ToolAnnotations(
        read_only_hint=tool.read_only,
        destructive_hint=not tool.read_only,
        open_world_hint=tool.name in ("execute", "answer"),
    )
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=_without_titles(tool.arguments.model_json_schema()),
        output_schema=tool.schema,
        annotations=hints,
    )


def _without_titles(schema: Any) -> Any:
    """pydantic names everything once more."""
    if not isinstance(schema, dict):
        return schema
    told = cast("dict[str, Any]", schema)
    return {
        name: {each: _without_titles(form) for each, form in value.items()}
        if name == "properties"
        else _without_titles(value)
        for name, value in told.items()
        if name != "title"
    }


def _what_is_wrong(tool: Tool, error: ValidationError) -> str:
    wrong = "; ".join(
        f"{'.'.join(map(str, each['loc'])) or 'arguments'}: {each['msg']}"
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    )
    return f"{tool.name}: {wrong}"


def _result(told: Account | Answered) -> dict[str, Any]:
    if isinstance(told, Answered):
        return _answer([_text(told.text)], told.told)
    content = [
        {"type": "image", "data": each.data, "mimeType": each.mime}
        if isinstance(each, Picture)
        else _text(each)
        for each in told.content
    ]
    return _answer(content, told.told, is_error=told.is_error)


def _answer(
    content: list[dict[str, Any]], told: dict[str, Any] | None = None, *, is_error: bool = False
) -> dict[str, Any]:
    """As it goes to the wire. The SDK checks each result against the schema of its revision, and
    would check a model as it is made as well."""
    answer = {"resultType": "complete", "content": content, "isError": is_error}
    return answer if told is None else {**answer, "structuredContent": told}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}
