"""The component page shows all there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from web.kit import STATUSES

if TYPE_CHECKING:
    from flask import Flask


def badges(look: Flask) -> Any:
    """The module of the template that draws statuses."""
    with look.test_request_context():
        return look.jinja_env.get_template("components/status.html").module


def test_the_page_shows_every_status(look: Flask) -> None:
    drawn = cast("dict[str, object]", badges(look).STATUSES)
    assert {status for status, _ in STATUSES} == set(drawn)


@pytest.mark.parametrize(
    ("status", "team_reads", "customer_reads"),
    [
        ("issued", "Issued", "Open"),
        ("viewed", "Viewed", "Open"),
        ("disputed", "Disputed", "In dispute"),
        ("void", "Void", "Cancelled"),
        ("written_off", "Written off", "Closed"),
        ("processing", "Processing", "Payment on its way"),
    ],
)
def test_team_and_customer_read_different_words(look: Flask, status: str, team_reads: str, customer_reads: str) -> None:
    badge = badges(look).badge
    assert f"</svg>{team_reads}</span>" in badge(status, "admin")
    assert f"</svg>{customer_reads}</span>" in badge(status, "portal")


@pytest.mark.parametrize("status", ["draft", "scheduled"])
def test_a_customer_never_sees_what_is_not_issued(look: Flask, status: str) -> None:
    assert badges(look).badge(status, "portal") == ""


def test_every_error_has_its_page(look: Flask) -> None:
    for code in (400, 403, 404, 405, 409, 413, 422, 429, 500, 503):
        answer = look.test_client().get(f"/errors/{code}")
        assert answer.status_code == code
        assert b'<a class="btn btn--primary" href="/invoices">' in answer.data
