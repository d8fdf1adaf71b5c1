"""Forms that come back: a refused form is shown again as it was typed, with the refusal's words beside the field.

A view says once how its form is drawn (`shown_again`), then calls its verb. When the verb refuses, web/errors.py
draws the form with `problems` (pairs for the summary) and `errors` (words by field).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import g

from billing.errors import Conflict, Invalid, Missing, Refusal
from web import hx

if TYPE_CHECKING:
    from flask import Response


def show(template: str, partial: str, **context: Any) -> Response:  # noqa: ANN401 - a template's context
    """The form, without problems."""
    return hx.respond(template, partial, problems=[], errors={}, **context)


def shown_again(template: str, partial: str, **context: Any) -> None:  # noqa: ANN401 - a template's context
    """Say how the form of this request is drawn if a verb refuses it. `context` holds what was typed."""
    g.remit_form = (template, partial, context)


def refused(refusal: Refusal) -> Response | None:
    """The form of this request with the refusal's words; None where there is no form, or no such thing at all."""
    if "remit_form" not in g or isinstance(refusal, Missing):
        return None
    template, partial, context = g.remit_form
    problems = refusal.problems if isinstance(refusal, Invalid) else {refusal.field or "": refusal.message}
    return hx.respond(
        template,
        partial,
        status=409 if isinstance(refusal, Conflict) else 422,
        problems=[(field or None, words) for field, words in problems.items()],
        errors=problems,
        **context,
    )
