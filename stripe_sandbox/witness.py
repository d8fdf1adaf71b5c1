"""What the sandbox says, held against Stripe's own types, and kept for a second judge.

Strict, it refuses to say what the pinned library's classes do not know: whatever test talks to it is then a test
of the contract. With a folder it writes one example of every shape it said or was told there, a line of JSON each.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stripe._error_object import ErrorObject

from stripe_sandbox import shapes

if TYPE_CHECKING:
    from stripe_sandbox.errors import Json

_WORD = re.compile(r"[a-z][a-z0-9_.]{0,40}\Z")  # perhaps a word of an enum, which belongs to the shape
_FREE = frozenset({"metadata"})  # the merchant's own words


class ContractBrokenError(AssertionError):
    """The sandbox was about to say what Stripe never does."""


@dataclass
class Witness:
    """Sees every request, answer and event. `folder` is empty for no record."""

    is_strict: bool = False
    folder: str = ""
    _seen: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _name: str = field(default_factory=lambda: f"{secrets.token_hex(8)}.jsonl")

    def asked(self, method: str, template: str, params: Json) -> None:
        """A request whose parameters were accepted."""
        self._keep({"kind": "request", "operation": f"{method} {template}", "body": params})

    def answered(self, body: Json) -> None:
        """An object, a list or an error, as it is sent. Raises ContractBrokenError."""
        if "error" in body:
            self._judge(shapes.problems(body["error"], ErrorObject) if self.is_strict else [])
            self._keep({"kind": "error", "body": body["error"]})
            return
        is_list = body.get("object") == "list"
        for each in body["data"] if is_list else [body]:
            self.happened(each)
        if is_list:
            self._keep({"kind": "list", "body": body | {"data": body["data"][:1]}})

    def happened(self, found: Json) -> None:
        """An object, or an event with its object. Raises ContractBrokenError."""
        if self.is_strict:
            inner = found["data"]["object"] if found["object"] == "event" else None
            self._judge(shapes.problems(found) + (shapes.problems(inner) if inner else []))
        self._keep({"kind": "object", "body": found})

    @staticmethod
    def _judge(problems: list[str]) -> None:
        if problems:
            raise ContractBrokenError("; ".join(problems))

    def _keep(self, seen: Json) -> None:
        if not self.folder:
            return
        shape = json.dumps([seen["kind"], seen.get("operation"), _shape_of(seen["body"])], sort_keys=True)
        with self._lock:
            if shape in self._seen:
                return
            self._seen.add(shape)
            folder = Path(self.folder)
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / self._name).open("a", encoding="utf-8") as file:
                file.write(json.dumps(seen, default=str) + "\n")


def _shape_of(value: object) -> object:
    """The value without what varies: texts, numbers, the length of lists."""
    if isinstance(value, dict):
        return {name: "free" if name in _FREE and inner else _shape_of(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return sorted({json.dumps(_shape_of(item), sort_keys=True) for item in value})
    if isinstance(value, str):
        return value if _WORD.match(value) else "text"
    if isinstance(value, bool) or value is None:
        return value
    return "number"
