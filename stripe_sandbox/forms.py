"""Stripe's form encoding: `a[b][0]=x` and `a[]=x` become nested objects and lists of strings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stripe_sandbox.errors import Json, ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_DEPTH = 8
_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)\Z")


def nested(pairs: Iterable[tuple[str, str]]) -> Json:
    """The parameters as nested objects; every leaf is still a string."""
    root: Json = {}
    for key, value in pairs:
        match = _KEY.match(key)
        if not match:
            raise ParameterError(f"Invalid parameter name: {key}", param=key)
        path = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        if len(path) > MAX_DEPTH:
            raise ParameterError(f"Too deeply nested: {key}", param=key)
        _plant(root, path, key, value)
    tree = _with_lists(root)
    assert isinstance(tree, dict), "the outermost level has names, not numbers"
    return tree


def _plant(root: Json, path: list[str], key: str, value: str) -> None:
    node: Any = root
    for step, part in enumerate(path):
        is_leaf = step == len(path) - 1
        if not isinstance(node, dict):
            raise ParameterError(f"Invalid parameter name: {key}", param=key)
        if is_leaf and part == "":
            node.setdefault("", []).append(value)
        elif is_leaf:
            node[part] = value
        else:
            node = node.setdefault(part, {})


def _with_lists(node: object) -> object:
    if not isinstance(node, dict):
        return node
    if set(node) == {""}:
        return node[""]
    if node and all(isinstance(key, str) and key.isdigit() for key in node):
        return [_with_lists(node[key]) for key in sorted(node, key=int)]
    return {key: _with_lists(value) for key, value in node.items()}


def paths(tree: object, prefix: str = "") -> Iterator[str]:
    """The dotted name of every leaf, list positions left out: `line_items.price_data.currency`."""
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from paths(value, f"{prefix}.{key}" if prefix else key)
    elif isinstance(tree, list) and tree:
        for value in tree:
            yield from paths(value, prefix)
    elif prefix:
        yield prefix
