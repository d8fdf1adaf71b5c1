"""Named refusals: what the domain says instead of doing something wrong.

A refusal carries its facts as attributes and a message fit to show a customer. `web/` alone maps the three
kinds to HTTP: Missing is 404, Conflict is 409, every other Refusal is 422.
"""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818 - the house calls these refusals: an answer of the domain, not a defect
    """The domain says no. `field` names the form field the words belong to, or is None."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class Missing(Refusal):
    """There is no such thing for this person; a stranger's thing and a missing thing read the same."""


class Conflict(Refusal):
    """Somebody else was first, or the thing changed meanwhile: look again, then decide."""


class Invalid(Refusal):
    """Several fields at once: `problems` maps a field's name to the words beside it."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = problems
