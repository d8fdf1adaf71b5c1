"""What a reply looks like, read from the pinned stripe library's own classes.

`blank` makes an object with every field Stripe always sends, so that the library's attribute access works as
it does against Stripe; `problems` checks an object against the class and is the sandbox's own contract test.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
import typing
from decimal import Decimal
from functools import cache
from typing import Any

import stripe
from stripe._object_classes import OBJECT_CLASSES

if typing.TYPE_CHECKING:
    from stripe_sandbox.errors import Json

# Fields Stripe leaves out unless they are relevant or expanded. Every other nullable field is sent as null.
# Source: the optional (`?`) fields of the typed definitions of the same API version.
LEFT_OUT: dict[str, frozenset[str]] = {
    "checkout.session": frozenset({
        "branding_settings", "excluded_payment_method_types", "line_items", "name_collection", "optional_items",
        "phone_number_collection", "presentment_details", "redirect_on_completion", "return_url",
        "tax_id_collection",
    }),
    "payment_intent": frozenset({
        "amount_details", "hooks", "payment_details", "presentment_details", "transfer_data",
    }),
    "charge": frozenset({
        "authorization_code", "level3", "presentment_details", "radar_options", "refunds", "transfer",
    }),
    "refund": frozenset({
        "description", "destination_details", "failure_balance_transaction", "failure_reason",
        "instructions_email", "next_action", "pending_reason", "presentment_details",
    }),
    "event": frozenset({"account", "context"}),
    "customer": frozenset({
        "business_name", "cash_balance", "deleted", "individual_name", "invoice_credit_balance", "sources",
        "subscriptions", "tax", "tax_ids",
    }),
    "balance_transaction": frozenset(),
    "setup_intent": frozenset({"attach_to_self", "managed_payments"}),
    "account": frozenset({
        "business_type", "capabilities", "company", "controller", "country", "created", "default_currency", "deleted",
        "external_accounts", "future_requirements", "groups", "individual", "metadata", "requirements",
        "tos_acceptance",
    }),
    "dispute": frozenset({"network_reason_code", "payment_method_details"}),
}  # fmt: skip
_BARE = frozenset({"payment_method"})  # sends only the fields of its own type
_INTERNAL_BASES = ("typing", "stripe._api_resource", "stripe._stripe_object", "stripe._list_object")


def blank(kind: str, **fields: object) -> Json:
    """A new object of a kind such as `refund`: the fields given, the rest null as Stripe sends them."""
    return {**dict.fromkeys(_always_null(kind)), "object": kind, **fields}


def is_expandable(kind: str, field: str) -> bool:
    """True where the field holds an id that `expand` may replace with its object."""
    shape = object_class(kind)
    if shape is None or field not in fields_of(shape):
        return False
    allowed = _allowed(fields_of(shape)[field])
    return str in allowed and any(isinstance(each, type) and issubclass(each, stripe.StripeObject) for each in allowed)


@cache
def object_class(kind: str) -> type | None:
    """The library's class for an `object` value, or None where it has none."""
    if kind not in OBJECT_CLASSES:
        return None
    module, name = OBJECT_CLASSES[kind]
    found = getattr(importlib.import_module(module), name)
    assert isinstance(found, type), f"{name} is a class"
    return found


@cache
def fields_of(shape: type) -> dict[str, Any]:
    """{field: resolved annotation} of one of the library's object classes, its own machinery left out."""
    found: dict[str, Any] = {}
    for base in reversed(shape.__mro__):
        if base in {object, stripe.StripeObject} or base.__module__.startswith(_INTERNAL_BASES):
            continue
        own = inspect.get_annotations(base)
        names = _names_for(base)
        resolved = typing.get_type_hints(base, localns=names)
        found |= {
            field: resolved[field]
            for field in own
            if not field.startswith("_") and typing.get_origin(resolved[field]) is not typing.ClassVar
        }
    return found


@cache
def _always_null(kind: str) -> tuple[str, ...]:
    if kind in _BARE:
        return ()
    shape = object_class(kind)
    assert shape is not None, f"the library knows {kind}"
    omitted = LEFT_OUT[kind]
    return tuple(f for f, hint in fields_of(shape).items() if f not in omitted and type(None) in _allowed(hint))


def _names_for(shape: type) -> dict[str, Any]:
    """What the annotations of a class may mention: nested classes, and imports made for type checkers only."""
    names: dict[str, Any] = {}
    module = sys.modules[shape.__module__]
    for statement in _checking_block(shape.__module__):
        if isinstance(statement, ast.ImportFrom) and statement.module and "params" not in statement.module:
            source = importlib.import_module(statement.module)
            names |= {a.asname or a.name: getattr(source, a.name) for a in statement.names}
    outer: Any = module
    for part in shape.__qualname__.split("."):
        outer = getattr(outer, part)
        names |= {n: v for n, v in vars(outer).items() if isinstance(v, type)}
    return names


@cache
def _checking_block(module: str) -> tuple[ast.stmt, ...]:
    source = inspect.getsource(sys.modules[module])
    head, _, rest = source.partition("if TYPE_CHECKING:\n")
    if not rest:
        return ()
    lines = []
    for line in rest.splitlines():
        if line and not line[0].isspace():
            break
        lines.append(line)
    del head
    return tuple(ast.parse(inspect.cleandoc("\n" + "\n".join(lines))).body)


def _allowed(hint: object) -> list[Any]:
    if typing.get_origin(hint) is typing.Union:
        return [each for part in typing.get_args(hint) for each in _allowed(part)]
    return [hint]


def problems(found: Json, shape: type | None = None, where: str = "") -> list[str]:
    """What is wrong with an object: unknown field, missing field, wrong type, unknown word of an enum."""
    shape = shape or object_class(str(found.get("object")))
    if shape is None:
        return [f"{where}: unknown object {found.get('object')!r}"]
    where = where or shape.__name__
    known = fields_of(shape)
    wrong: list[str] = []
    for field, value in found.items():
        if field == "deleted":
            continue
        if field not in known:
            wrong.append(f"{where}.{field}: unknown to stripe {stripe.VERSION}")
        else:
            wrong += _value_problems(known[field], value, f"{where}.{field}")
    wrong += [
        f"{where}.{field}: missing"
        for field, hint in known.items()
        if field not in found and not {type(None), Any} & set(map(_hashable, _allowed(hint)))
    ]
    return wrong


def _hashable(hint: object) -> object:
    return hint if isinstance(hint, type) or hint is Any else str(hint)


def _value_problems(hint: object, value: object, where: str) -> list[str]:
    allowed = _allowed(hint)
    if Any in allowed or (value is None and type(None) in allowed):
        return []
    if value is None:
        return [f"{where}: null is not allowed"]
    words = [w for each in allowed if typing.get_origin(each) is typing.Literal for w in typing.get_args(each)]
    if words:  # open in the library, closed here: a typing error must not pass as a word of the future
        return [] if value in words else [f"{where}: {value!r} is none of {words}"]
    tries = [_one_problem(each, value, where) for each in allowed if each is not type(None)]
    return min(tries, key=len) if all(tries) else []


def _one_problem(hint: Any, value: object, where: str) -> list[str]:  # noqa: ANN401 - any annotation
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is list and isinstance(value, list):
        return [p for i, item in enumerate(value) for p in _value_problems(arguments[0], item, f"{where}[{i}]")]
    if _is_named(origin, "ListObject") and isinstance(value, dict) and value.get("object") == "list":
        return [p for i, item in enumerate(value["data"]) for p in problems(item, None, f"{where}.data[{i}]")]
    is_open = origin is dict or _is_named(origin or hint, "UntypedStripeObject")
    if not is_open and isinstance(value, dict) and isinstance(hint, type) and issubclass(hint, stripe.StripeObject):
        return problems(value, object_class(str(value.get("object"))) or hint, where)
    is_fitting = isinstance(value, dict) if is_open else _is_plain(hint, value)
    return [] if is_fitting else [f"{where}: expected {hint}, not {value!r}"]


def _is_named(hint: object, name: str) -> bool:
    return isinstance(hint, type) and hint.__name__ == name


def _is_plain(hint: object, value: object) -> bool:
    if hint in {int, float}:
        return isinstance(value, int if hint is int else (int, float)) and not isinstance(value, bool)
    return hint in {str, bool, Decimal} and isinstance(value, bool if hint is bool else str)
