"""The customer's sign-in: email first, then a mailed code or a password; and for whom one acts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import request, session, url_for

from billing import clock, emails, sessions, sign_in, users
from portal import portal
from web import forms, guest, hx
from web import sign_in as browser
from web.limits import coarse
from web.paths import network_address, own_path
from web.people import anybody, person, signed_in_only

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue
    from werkzeug.wrappers import Response

    from billing.tables import User

OFTEN = "60 per minute"
EMAIL = "sign_in_email"  # kept in the signed cookie, so that no address carries an email
EMAIL_FORM = ("portal/sign_in/email.html", "portal/sign_in/_email.html")
CODE_FORM = ("portal/sign_in/code.html", "portal/sign_in/_code.html")
PASSWORD_FORM = ("portal/sign_in/password.html", "portal/sign_in/_password.html")
CUSTOMER_FORM = ("portal/sign_in/customer.html", "portal/sign_in/_customer.html")


@portal.route("/login", methods=["GET", "POST"], endpoint="sign_in")
@anybody
@coarse(OFTEN)
def ask_email() -> ResponseReturnValue:
    """Ask for the email and mail a code to it: one answer for a known and an unknown one."""
    if person().kind == "customer":
        return hx.go(onward())
    if request.method == "GET":
        return forms.show(*EMAIL_FORM, email=session.get(EMAIL, ""), onward=onward())
    email = emails.plain(request.form.get("email", ""))
    forms.shown_again(*EMAIL_FORM, email=email, onward=onward())
    sign_in.ask_code(email, address=network_address(), at=clock.now())
    session[EMAIL] = email
    return hx.go(url_for(".sign_in_code", next=onward()))


@portal.route("/login/code", methods=["GET", "POST"], endpoint="sign_in_code")
@anybody
@coarse(OFTEN)
def ask_code() -> ResponseReturnValue:
    """Take the mailed code."""
    email = session.get(EMAIL, "")
    if not email:
        return hx.go(url_for(".sign_in", next=onward()))
    typed: dict[str, Any] = {"email": email, "onward": onward(), "minutes": sign_in.CODE_MINUTES, "keep": _keep()}
    if request.method == "GET":
        return forms.show(*CODE_FORM, **typed)
    forms.shown_again(*CODE_FORM, **typed)
    user = sign_in.with_code(email, request.form.get("code", ""), address=network_address(), at=clock.now())
    return let_in(user)


@portal.route("/login/password", methods=["GET", "POST"], endpoint="sign_in_password")
@anybody
@coarse(OFTEN)
def ask_password() -> ResponseReturnValue:
    """Take email and password, for those who set one."""
    if request.method == "GET":
        return forms.show(*PASSWORD_FORM, email=session.get(EMAIL, ""), onward=onward(), keep=False)
    email = emails.plain(request.form.get("email", ""))
    forms.shown_again(*PASSWORD_FORM, email=email, onward=onward(), keep=_keep())
    password = request.form.get("password", "")
    user = sign_in.with_password(email, password, "portal", address=network_address(), at=clock.now())
    return let_in(user)


@portal.post("/logout", endpoint="sign_out")
@anybody
def leave() -> Response:
    """Sign out: the session ends, and this browser forgets which documents it opened."""
    response = hx.go(url_for(".sign_in"))
    browser.let_out(response, "portal")
    guest.close_scope(response)
    return response


@portal.route("/customer", methods=["GET", "POST"], endpoint="choose_customer")
@signed_in_only
def choose() -> ResponseReturnValue:
    """For whom a person with several customers acts from now on."""
    user, row = person().user, person().session
    assert user is not None, "only a signed-in person comes here"
    assert row is not None, "who signed in has a session"
    if request.method == "GET":
        customers = users.customers_of(user.id)
        return forms.show(*CUSTOMER_FORM, customers=customers, chosen=person().customer_id, onward=onward())
    sessions.choose_customer(row, request.form.get("customer_id", 0, type=int), at=clock.now())
    return hx.go(onward())


def onward() -> str:
    """Where to go once signed in: a page of this site that was asked for, or the invoices."""
    return own_path(request.values.get("next"), url_for("portal.home"))


def let_in(user: User) -> Response:
    """Begin the session; who belongs to several customers chooses one first."""
    customers = users.customers_of(user.id)
    only = customers[0].id if len(customers) == 1 else None
    response = hx.go(onward() if only else url_for(".choose_customer", next=onward()))
    browser.let_in(response, user, "portal", customer_id=only, kept=_keep())
    return response


def _keep() -> bool:
    return request.form.get("keep") == "1"
