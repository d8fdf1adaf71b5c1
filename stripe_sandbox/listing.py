"""Lists as Stripe pages them: newest first, `limit` 1 to 100, cursors are ids, `created` filters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from stripe_sandbox.errors import Json, ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stripe_sandbox.api import Call

Condition = tuple[object, ...]  # an SQL condition followed by its parameters
USUAL_LIMIT, MOST = 10, 100
_COMPARED = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def wrapped(items: list[Json], url: str, *, has_more: bool = False) -> Json:
    """A list object around items that are already chosen."""
    return {"object": "list", "data": items, "has_more": has_more, "url": url}


def page(call: Call, kind: str, url: str, *, equal: Iterable[str] = (), conditions: Iterable[Condition] = ()) -> Json:
    """A page of objects. `equal` names the parameters that must equal the field of the same name."""
    wanted: list[Condition] = [("kind = ?", kind), *conditions, *_created(call.params.get("created"))]
    wanted += [(f"json_extract(body, '$.{name}') = ?", call.params[name]) for name in equal if name in call.params]
    limit = call.params.get("limit", USUAL_LIMIT)
    if not 1 <= limit <= MOST:
        raise ParameterError(f"Invalid integer: {limit}. Must be between 1 and {MOST}.", param="limit")
    after, before = call.params.get("starting_after"), call.params.get("ending_before")
    if after and before:
        raise ParameterError("You may only specify one of these parameters: starting_after, ending_before.")
    if after:
        wanted.append(("seq < ?", _position(call, kind, after, "starting_after")))
    if before:
        wanted.append(("seq > ?", _position(call, kind, before, "ending_before")))
    order = "ASC" if before else "DESC"
    sql = " AND ".join(str(condition[0]) for condition in wanted)
    found = call.store.rows(
        f"SELECT body FROM objects WHERE {sql} ORDER BY seq {order} LIMIT ?",  # noqa: S608 - only our own words
        (*(value for condition in wanted for value in condition[1:]), limit + 1),
    )
    items = [json.loads(row["body"]) for row in found[:limit]]
    if before:
        items.reverse()
    return wrapped(items, url, has_more=len(found) > limit)


def _position(call: Call, kind: str, object_id: str, param: str) -> int:
    call.store.asked(kind, object_id, param=param)
    found = call.store.rows("SELECT seq FROM objects WHERE id = ?", (object_id,))
    return int(found[0]["seq"])


def _created(asked: int | Json | None) -> list[Condition]:
    if asked is None:
        return []
    if isinstance(asked, int):
        return [("created = ?", asked)]
    return [(f"created {_COMPARED[name]} ?", instant) for name, instant in asked.items()]
