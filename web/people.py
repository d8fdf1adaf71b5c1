"""Who asks: staff, a customer's person, a guest of one mailed link, or nobody; and what each may open.

A signed-in customer comes first; where the invoice is not theirs, the link they opened counts.
Whatever says nothing about who may open it is closed (`guard`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from flask import abort, current_app, redirect, request, url_for

from billing import clock, sessions, users
from billing.actors import Actor
from web import guest, hx, sign_in
from web.paths import own_path, referring_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.typing import ResponseReturnValue

    from billing.tables import Customer, Link, Session, User

View = TypeVar("View", bound="Callable[..., Any]")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
MARK = "may_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """The person of a request. `actor` is what verbs take as `by`; a guest's `link` opens `invoice_id` alone."""

    kind: Literal["staff", "customer", "guest", "nobody"]
    actor: Actor
    user: User | None = None
    session: Session | None = None
    customer: Customer | None = None
    link: Link | None = None

    @property
    def customer_id(self) -> int | None:
        """The customer a signed-in person acts for."""
        return self.customer.id if self.customer else None

    @property
    def invoice_id(self) -> int | None:
        """The one invoice of a guest."""
        return self.link.invoice_id if self.link else None

    @property
    def role(self) -> str | None:
        """The role of staff: admin, approver or viewer."""
        return self.user.role if self.user else None

    @property
    def is_authenticated(self) -> bool:
        """Whether the person signed in; a guest did not (Flask-Login asks)."""
        return self.user is not None

    @property
    def is_active(self) -> bool:
        """Whether the person may go on; a session of a disabled user is never found (Flask-Login asks)."""
        return self.user is not None


NOBODY = Person(kind="nobody", actor=Actor("guest", "nobody", "Somebody"))


def person() -> Person:
    """The person of the current request."""
    return cast("Person", sign_in.current())


def face() -> sessions.Face:
    """Which of the two faces an address belongs to; each has its own sign-in and its own cookie."""
    return "admin" if request.path == "/admin" or request.path.startswith("/admin/") else "portal"


def load() -> Person:
    """Find out who asks, by the session of this face and then by the link scope. Reads; only `touch` writes."""
    at = clock.now()
    session = sessions.find(sign_in.token(face()), face(), at=at)
    found = None
    if session is not None:
        sessions.touch(session, at=at)
        found = _signed_in(session)
        if found.kind == "staff" or not _is_a_strangers(found):
            return found
    return (_guest() if face() == "portal" else None) or found or NOBODY


def as_guest_of(invoice_id: int) -> Person | None:
    """The asker as guest of this invoice, where they opened a link to it; for pages that name no invoice."""
    link = guest.scoped_link(invoice_id)
    return _as_guest(link) if link else None


def anybody(view: View) -> View:
    """Open to all: sign-in, links, health."""
    return _marked(view, lambda: None)


def customer_only(view: View) -> View:
    """Only a signed-in person who acts for a customer."""
    return _marked(view, _need_customer)


def signed_in_only(view: View) -> View:
    """A customer's person who signed in, before or after choosing for whom to act."""
    return _marked(view, lambda: None if person().kind == "customer" else ask_to_sign_in())


def customer_or_guest(view: View) -> View:
    """A signed-in customer's person, or the guest of a link; the view still looks through `person()`."""
    return _marked(view, _need_customer_or_guest)


def staff_only(view: View) -> View:
    """Staff: each role may look, only an admin may change."""
    return _marked(view, _need_staff)


def staff_role(*roles: str) -> Callable[[View], View]:
    """Staff with one of these roles, whatever the method."""

    def decorate(view: View) -> View:
        return _marked(view, lambda: _need_staff(*roles))

    return decorate


def guard(otherwise: Callable[[], ResponseReturnValue | None]) -> Callable[[], ResponseReturnValue | None]:
    """A blueprint's before_request: what carries no mark is as closed as `otherwise` says."""

    def check() -> ResponseReturnValue | None:
        view = current_app.view_functions.get(request.endpoint or "")
        return None if view is None or hasattr(view, MARK) else otherwise()

    return check


def ask_to_sign_in() -> ResponseReturnValue:
    """Lead to the sign-in of this face, and back afterwards. HTMX gets 401 and HX-Redirect, never a form in a cell."""
    home = url_for("admin.home" if face() == "admin" else "portal.home")
    looks = hx.is_htmx() or request.method in SAFE_METHODS
    back = own_path(hx.current_path(), home) if looks else referring_path(home)
    target = url_for(f"{face()}.sign_in", next=None if back == home else back)
    if hx.is_htmx():
        return "", 401, {"HX-Redirect": target}
    return redirect(target, 303)


def _need_customer() -> ResponseReturnValue | None:
    if person().kind != "customer":
        return ask_to_sign_in()
    if person().customer is None:
        return hx.go(url_for("portal.choose_customer", next=own_path(hx.current_path(), "/")))
    return None


def _need_customer_or_guest() -> ResponseReturnValue | None:
    return None if person().kind == "guest" else _need_customer()


def _need_staff(*roles: str) -> ResponseReturnValue | None:
    if person().kind != "staff":
        return ask_to_sign_in()
    allowed = roles or (("admin",) if request.method not in SAFE_METHODS else ("admin", "approver", "viewer"))
    if person().role not in allowed:
        abort(403)
    return None


def _marked(view: View, check: Callable[[], ResponseReturnValue | None]) -> View:
    @wraps(view)
    def checked(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a view's own arguments and answer
        refused = check()
        return view(*args, **kwargs) if refused is None else refused

    setattr(checked, MARK, True)
    return cast("View", checked)


def _signed_in(session: Session) -> Person:
    user = session.user
    return Person(
        kind="staff" if user.role else "customer",
        actor=users.actor(user),
        user=user,
        session=session,
        customer=sessions.acting_for(session),
    )


def _is_a_strangers(found: Person) -> bool:
    """Whether the page is of an invoice that a link was opened to and that is not this customer's."""
    number = (request.view_args or {}).get("number")
    link = guest.link_for(number) if number else None
    return link is not None and link.invoice.customer_id != found.customer_id


def _guest() -> Person | None:
    number = (request.view_args or {}).get("number")
    link = guest.link_for(number) if number else guest.newest_link()
    return _as_guest(link) if link else None


def _as_guest(link: Link) -> Person:
    return Person(kind="guest", actor=Actor("guest", f"link:{link.id}", link.recipient), link=link)
