"""Messages for comms of the session's, Jupyter's way."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Union

from . import frames

CommType = Literal["comm_open", "comm_msg", "comm_close"]
CommEvent = Union[frames.CommOpenEvent, frames.CommMsgEvent, frames.CommCloseEvent]


def comm_frame(
    type: CommType,
    comm_id: str,
    data: Any,
    *,
    target_name: str | None,
    metadata: Mapping[str, Any] | None,
    buffers: Iterable[bytes],
    id: frames.Id | None,
) -> dict[str, Any]:
    frame: dict[str, Any] = {"type": type, "comm_id": comm_id, "data": data}
    if target_name is not None:
        frame["target_name"] = target_name
    if metadata is not None:
        frame["metadata"] = dict(metadata)
    if id is not None:
        frame["id"] = id
    frame["buffers"] = [b64encode(each).decode() for each in buffers]
    return frame
