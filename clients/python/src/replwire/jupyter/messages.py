"""Messages of Jupyter: signed parts on the sockets, dictionaries in the program."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

PROTOCOL = "5.4"
DELIMITER = b"<IDS|MSG>"
HEADER = (  # nothing in it needs escaping, but for the user's name, which is JSON already
    b'{"msg_id":"%s_%d_%d","msg_type":"%s","username":%s,"session":"%s","date":"%s",'
    b'"version":"' + PROTOCOL.encode() + b'"}'
)
REMEMBERED = 65536  # signatures that may not come twice

Object = dict[str, Any]


class BadMessage(Exception):
    """It is not signed by who may speak here, or no message at all."""


@dataclass(slots=True)
class Message:
    identities: list[bytes]
    header: Object
    parent_header: Object
    metadata: Object
    content: Object
    buffers: list[bytes]

    @property
    def type(self) -> str:
        return str(self.header["msg_type"])


def now() -> str:
    return datetime.now(timezone.utc).isoformat()  # +00:00: clients read it faster than Z


def _packed(value: Object) -> bytes:
    # A surrogate that stands alone becomes its JSON escape.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "backslashreplace"
    )


def _unpacked(part: bytes) -> Object:
    value: Object | Any = json.loads(part)
    if not isinstance(value, dict):
        raise BadMessage("a part is no object")
    return value  # pyright: ignore[reportUnknownVariableType]


class Codec:
    """Signs what goes out, and takes what is signed alike."""

    def __init__(self, key: bytes, scheme: str = "hmac-sha256") -> None:
        self._digest = getattr(hashlib, scheme.removeprefix("hmac-"))
        self._empty = hmac.new(key, digestmod=self._digest) if key else None
        self._seen: set[bytes] = set()
        self._order: deque[bytes] = deque()
        self._session = os.urandom(16).hex()
        self._numbers = itertools.count(1)
        self._parent: tuple[Object, bytes, bytes] = {}, b"{}", b'"kernel"'

    def _signature(self, parts: Sequence[bytes]) -> bytes:
        if self._empty is None:
            return b""
        made = self._empty.copy()
        for part in parts:
            made.update(part)
        return made.hexdigest().encode()

    def encode(
        self,
        kind: str,
        content: Object,
        parent: Object,
        metadata: Object | None = None,
        buffers: Sequence[bytes] = (),
    ) -> list[bytes]:
        packed_parent, username = self._of_parent(parent)
        header = HEADER % (
            self._session.encode(),
            os.getpid(),
            next(self._numbers),
            kind.encode(),
            username,
            self._session.encode(),
            now().encode(),
        )
        told = _packed(metadata) if metadata else b"{}"
        parts = [header, packed_parent, told, _packed(content)]
        return [DELIMITER, self._signature(parts), *parts, *buffers]

    def _of_parent(self, parent: Object) -> tuple[bytes, bytes]:
        """Its JSON and its user's: several messages in a row have the same one."""
        if self._parent[0] is not parent:
            username = json.dumps(str(parent.get("username", "kernel"))).encode()
            self._parent = parent, _packed(parent), username
        return self._parent[1:]

    @staticmethod
    def id_of(parts: Sequence[bytes]) -> str:
        """Of what `encode` made."""
        return str(_unpacked(parts[2])["msg_id"])

    def decode(self, parts: Sequence[bytes]) -> Message:
        try:
            at = parts.index(DELIMITER)
            signature, *told = parts[at + 1 : at + 6]
            if len(told) != 4:
                raise BadMessage("too short")
            self._check(signature, told)
            header, parent, metadata, content = map(_unpacked, told)
        except (ValueError, RecursionError) as error:
            raise BadMessage(str(error)) from error
        if not isinstance(header.get("msg_type"), str):
            raise BadMessage("no msg_type")
        return Message(list(parts[:at]), header, parent, metadata, content, list(parts[at + 6 :]))

    def _check(self, signature: bytes, told: Sequence[bytes]) -> None:
        if self._empty is None:
            return
        if not hmac.compare_digest(signature, self._signature(told)):
            raise BadMessage("the signature is wrong")
        if signature in self._seen:
            raise BadMessage("the signature has come before")
        self._seen.add(signature)
        self._order.append(signature)
        if len(self._order) > REMEMBERED:
            self._seen.remove(self._order.popleft())
