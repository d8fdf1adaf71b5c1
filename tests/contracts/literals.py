"""What was said, as TypeScript: every object, event and request a typed literal on a line of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from stripe._object_classes import OBJECT_CLASSES

from stripe_sandbox import contract

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Said = dict[str, Any]  # a line of a record: {"kind": "request" | "object" | "list" | "error", "body": {...}}

HEAD = (
    "import Stripe from 'stripe';",
    "declare function decimal(text: string): NonNullable<Stripe.Price['unit_amount_decimal']>;",
)
# Where the two libraries name the same parameters differently.
RENAMED = {
    "Stripe.CustomerPaymentMethodListParams": "Stripe.CustomerListPaymentMethodsParams",
    "Stripe.Checkout.SessionLineItemListParams": "Stripe.Checkout.SessionListLineItemsParams",
}


def recorded(folder: Path) -> list[Said]:
    """Everything the sandboxes of a run were told and said, one of each shape."""
    lines = {
        line for file in folder.glob("*.jsonl") for line in file.read_text(encoding="utf-8").splitlines(keepends=True)
    }
    # A sandbox that was killed may have left the last line half written.
    return [json.loads(line) for line in sorted(lines) if line.endswith("\n")]


def source(said: Iterable[Said]) -> str:
    """A module that compiles where all of it is of its type. Literal n stands on line n + 3, n from 0."""
    literals = (f"const said{n}: {type_of(one)} = {_literal(one['body'])};" for n, one in enumerate(said))
    return "\n".join((*HEAD, *literals, "export {};", ""))


def line_of(number: int) -> int:
    """The line on which a literal stands."""
    return number + len(HEAD) + 1


def type_of(one: Said) -> str:
    """What it should be, in the Node library's words."""
    match one["kind"]:
        case "request":
            method, _, template = one["operation"].partition(" ")
            shape = contract.params_of(method, template)
            assert shape, f"{one['operation']} takes parameters"
            name = _named(shape.__module__.removeprefix("stripe.params"), shape.__name__)
            return RENAMED.get(name, name)
        case "error":
            return "Stripe.StripeRawError"
        case "list":
            items = one["body"]["data"]
            return f"Stripe.ApiList<{_object_type(items[0]) if items else 'unknown'}>"
    return _object_type(one["body"])


def _object_type(body: Said) -> str:
    module, name = OBJECT_CLASSES[body["object"]]
    return _named(module.removeprefix("stripe"), name)


def _named(module: str, name: str) -> str:
    """`.checkout._session` and `Session` give `Stripe.Checkout.Session`."""
    spaces = [part.title() for part in module.split(".") if part and not part.startswith("_")]
    return ".".join(["Stripe", *spaces, name])


def _literal(value: object, name: str = "") -> str:
    """JSON, but a decimal is an object of the library's own there."""
    if name == "previous_attributes" and isinstance(value, dict):
        # Of a nested object only the changed parts are told, where the types ask for the whole.
        parts = (f"{json.dumps(key)}: {_changed(inner, key)}" for key, inner in value.items())
        return "{" + ", ".join(parts) + "}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {_literal(inner, key)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_literal(inner) for inner in value) + "]"
    text = json.dumps(value)
    return f"decimal({text})" if name.endswith("_decimal") and isinstance(value, str) else text


def _changed(value: object, name: str) -> str:
    return f"{_literal(value, name)} as never" if isinstance(value, dict) else _literal(value, name)
