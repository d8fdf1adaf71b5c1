"""Mailed links: opening one lets this browser see one invoice; one that is over can be asked for anew.

Opening changes no row: mail scanners follow links too (RFC 9110 9.2.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import make_response, redirect, render_template, request, url_for

from billing import clock, links
from portal import portal
from web import guest, hx
from web.limits import coarse
from web.people import anybody

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

OPENED_OFTEN = "60 per minute"
ASKED_OFTEN = "10 per minute"


@portal.get("/i/<token>")
@anybody
@coarse(OPENED_OFTEN)
def open_link(token: str) -> AnyResponse:
    """Remember the invoice in a signed cookie, and take the token out of the address."""
    link = links.open_link(token, at=clock.now())
    response = redirect(url_for(".invoice", number=link.invoice.number), 303)
    guest.open_scope(response, link)
    return response


@portal.errorhandler(links.LinkExpired)
def offer_new_link(_: links.LinkExpired) -> Response:
    """The link was good once: offer to mail a new one. Says nothing about the invoice."""
    token = (request.view_args or {}).get("token", "")
    return make_response(render_template("portal/links/expired.html", token=token), 410)


@portal.route("/links/new", methods=["GET", "POST"])
@anybody
@coarse(ASKED_OFTEN)
def new_link() -> AnyResponse:
    """Mail a fresh link to whom the old one was mailed; the answer is the same for every token."""
    if request.method == "POST":
        links.renew(request.form.get("token", ""), at=clock.now())
        return hx.go(url_for(".new_link"))
    return make_response(render_template("portal/links/sent.html"))
