"""`expand`: ids replaced by their objects, at most four levels deep."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from stripe_sandbox import listing, shapes
from stripe_sandbox.errors import Json, ParameterError

if TYPE_CHECKING:
    from stripe_sandbox.store import Store

DEEPEST = 4
MOST = 20


def expanded(store: Store, body: Json, paths: list[str]) -> Json:
    """A copy of the reply with every path expanded. Raises ParameterError for what cannot be."""
    if len(paths) > MOST:
        raise ParameterError(f"You cannot expand more than {MOST} properties at once.", param="expand")
    answer = copy.deepcopy(body)
    for path in paths:
        parts = path.split(".")
        if len(parts) > DEEPEST:
            raise ParameterError(
                f"You cannot expand more than {DEEPEST} levels of a property. Property: {path}",
                param="expand",
            )
        _expand(store, answer, parts)
    return answer


def _expand(store: Store, node: object, parts: list[str]) -> None:
    if isinstance(node, list):
        for item in node:
            _expand(store, item, parts)
        return
    if not parts or not isinstance(node, dict):
        return
    name, rest = parts[0], parts[1:]
    kind = node.get("object")
    if kind == "checkout.session" and name == "line_items":
        node[name] = store.hidden(node["id"])["line_items"]
    elif kind == "charge" and name == "refunds":
        found = store.where("refund", charge=node["id"])
        limit = listing.USUAL_LIMIT
        node[name] = listing.wrapped(found[:limit], f"/v1/charges/{node['id']}/refunds", has_more=len(found) > limit)
    elif isinstance(kind, str) and shapes.is_expandable(kind, name):
        node.setdefault(name, None)
        if isinstance(node[name], str):
            node[name] = store.anything(node[name]) or node[name]
    elif not isinstance(node.get(name), dict | list):
        raise ParameterError(f"This property cannot be expanded ({name}).", param="expand")
    _expand(store, node[name], rest)
