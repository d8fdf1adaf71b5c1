"""What a request may say, read from the pinned stripe library itself.

The library's service modules name every address and the TypedDict of its parameters; both are read from their
source, so that whatever the application sends is checked against the same version it was written for.
An unknown, missing or ill-typed parameter is refused in Stripe's words.
"""

from __future__ import annotations

import ast
import importlib
import re
import types
import typing
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

import stripe
import typing_extensions

from stripe_sandbox.errors import Json, ParameterError

LIBRARY = Path(stripe.__file__).parent
_NAMES: dict[str, Any] = {"StripeContext": object, "Mapping": Mapping}
_NUMBER = re.compile(r"-?\d{1,18}\Z")
_OPTIONS = frozenset(stripe.RequestOptions.__annotations__)  # the library's own settings, never sent
_PARAMS_CLASS = re.compile(r"\b([A-Z]\w*Params)\b")
_ADDRESS = re.compile(r'"(/v1/[^"]*)"')


def typed(method: str, template: str, given: Json) -> Json:
    """The parameters with their types; `template` is Stripe's own, such as `/v1/refunds/{refund}`.

    Raises ParameterError at the first unknown, missing or ill-typed one.
    """
    shape = params_of(method, template)
    if shape is None:
        if given:
            name = next(iter(given))
            raise _unknown(name)
        return {}
    return _object(shape, given, "")


@cache
def params_of(method: str, template: str) -> type | None:
    """The TypedDict of an operation's parameters, or None where it takes none."""
    found = [
        (source, name)
        for source in _sources().get(template, ())
        for verb, address, name in _operations(source)
        if (verb, address) == (method, template)
    ]
    if not found:
        raise LookupError(f"stripe {stripe.VERSION} knows no {method} {template}")
    source, name = found[0]
    return _imported(source, name) if name else None


@cache
def _sources() -> dict[str, tuple[Path, ...]]:
    """Which service modules mention an address. Reading text is quick; only what is needed gets parsed."""
    mentions: dict[str, tuple[Path, ...]] = {}
    for path in sorted(LIBRARY.rglob("_*_service.py")):
        for address in set(_ADDRESS.findall(path.read_text(encoding="utf-8"))):
            mentions[address] = (*mentions.get(address, ()), path)
    return mentions


@cache
def _operations(source: Path) -> tuple[tuple[str, str, str | None], ...]:
    """(METHOD, template, name of the TypedDict) of every call in a service module."""
    found: list[tuple[str, str, str | None]] = []
    for function in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if not isinstance(function, ast.FunctionDef):
            continue
        name = _params_annotation(function)
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and _is_request(call):
                method = ast.literal_eval(call.args[0]).upper()
                found.append((method, _address(call.args[1]), name))
    return tuple(found)


def _is_request(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "_request" and len(call.args) >= 2


def _address(node: ast.expr) -> str:
    """`"/v1/x"` or `"/v1/x/{id}".format(...)`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        node = node.func.value
    return str(ast.literal_eval(node))


def _params_annotation(function: ast.FunctionDef) -> str | None:
    for argument in function.args.args:
        if argument.arg == "params" and argument.annotation is not None:
            match = _PARAMS_CLASS.search(ast.unparse(argument.annotation))
            return match[1] if match else None
    return None


@cache
def _imported(source: Path, name: str) -> type:
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and any(a.name == name for a in node.names):
            found = getattr(importlib.import_module(node.module), name)
            assert isinstance(found, type), f"{name} is a TypedDict"
            return found
    raise LookupError(f"{source.name} imports no {name}")


@cache
def hints(shape: type) -> dict[str, Any]:
    """The parameters a TypedDict names, resolved, without the library's own request options."""
    known = typing.get_type_hints(shape, localns=_NAMES, include_extras=True)
    return {name: hint for name, hint in known.items() if name not in _OPTIONS}


def _object(shape: type, given: Json, where: str) -> Json:
    known = hints(shape)
    answer: Json = {}
    for name, value in given.items():
        full = f"{where}[{name}]" if where else name
        if name not in known:
            raise _unknown(full)
        answer[name] = _value(known[name], value, full)
    for name, hint in known.items():
        if name not in given and typing.get_origin(hint) is not typing_extensions.NotRequired:
            full = f"{where}[{name}]" if where else name
            raise ParameterError(f"Missing required param: {full}.", code="parameter_missing", param=full)
    return answer


def _unknown(name: str) -> ParameterError:
    if name == "payment_method_types":  # changelog 2026-09-30.endive
        return ParameterError(
            "payment_method_types is no longer supported. Use dynamic payment methods or allowed_payment_method_types.",
            code="payment_method_types_no_longer_supported",
            param=name,
        )
    return ParameterError(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def _alternatives(hint: object) -> list[Any]:
    """A hint's possible types, with NotRequired and unions unfolded."""
    origin = typing.get_origin(hint)
    if origin is typing_extensions.NotRequired:
        return _alternatives(typing.get_args(hint)[0])
    if origin in {typing.Union, types.UnionType}:
        return [each for part in typing.get_args(hint) for each in _alternatives(part)]
    return [hint]


def _value(hint: object, value: object, name: str) -> Any:  # noqa: ANN401 - a parameter is any JSON value
    allowed = _alternatives(hint)
    if isinstance(value, dict):
        return _nested(allowed, value, name)
    if isinstance(value, list):
        for each in allowed:
            if typing.get_origin(each) is list:
                inner = typing.get_args(each)[0]
                return [_value(inner, item, f"{name}[{index}]") for index, item in enumerate(value)]
        raise ParameterError(f"Invalid array: {name}", code="parameter_invalid_array", param=name)
    assert isinstance(value, str), "a form's leaf is text"
    return _leaf(allowed, value, name)


def _nested(allowed: list[Any], value: Json, name: str) -> Json:
    for each in allowed:
        if typing_extensions.is_typeddict(each):
            return _object(each, value, name)
        if typing.get_origin(each) is dict:
            return {str(key): str(text) for key, text in value.items()}
    raise ParameterError(f"Invalid object: {name}", code="parameter_invalid_object", param=name)


def _leaf(allowed: list[Any], text: str, name: str) -> str | int | bool | Decimal:
    words = [word for each in allowed if typing.get_origin(each) is typing.Literal for word in typing.get_args(each)]
    if text in words:
        return text
    if bool in allowed and text in {"true", "false"}:
        return text == "true"
    if int in allowed and _NUMBER.match(text):
        return int(text)
    if Decimal in allowed:
        return _decimal(text, name)
    if [word for word in words if word]:  # the library leaves enums open for answers; requests are closed
        raise ParameterError(f"Invalid {name}: must be one of {', '.join(filter(None, words))}", param=name)
    if str in allowed:
        return text
    if bool in allowed:
        raise ParameterError(f"Invalid boolean: {text}", param=name)
    if int in allowed:
        raise ParameterError(f"Invalid integer: {text}", code="parameter_invalid_integer", param=name)
    raise ParameterError(f"Invalid {name}", param=name)


def _decimal(text: str, name: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ParameterError(f"Invalid decimal: {text}", code="parameter_invalid_decimal", param=name) from None
