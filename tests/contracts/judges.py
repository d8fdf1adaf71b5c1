"""The Python library as a judge of one thing that was said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stripe._error_object import ErrorObject

from stripe_sandbox import contract, shapes
from stripe_sandbox.errors import ParameterError

if TYPE_CHECKING:
    from tests.contracts.literals import Said


def python(one: Said) -> list[str]:
    """What the pinned Python library's classes and parameters find wrong. Empty is good."""
    body = one["body"]
    match one["kind"]:
        case "request":
            method, _, template = one["operation"].partition(" ")
            try:
                contract.typed(method, template, _form(body))
            except ParameterError as refusal:
                return [refusal.message]
            return []
        case "error":
            return shapes.problems(body, ErrorObject)
        case "list":
            return [problem for item in body["data"] for problem in shapes.problems(item)]
    inner = body["data"]["object"] if body["object"] == "event" else None
    return shapes.problems(body) + (shapes.problems(inner) if inner else [])


def _form(value: Any) -> Any:
    """Typed parameters as the form that carried them."""
    if isinstance(value, dict):
        return {name: _form(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_form(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else str(value)
