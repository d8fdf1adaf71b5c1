"""The page the payer sees: plain forms, no script, one answer to each state of the session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, redirect, render_template, request

from stripe_sandbox import cards, payer, payment_intents, payment_methods, sessions
from stripe_sandbox.errors import CardDeclinedError, Json

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from stripe_sandbox.payer import Payer
    from stripe_sandbox.store import Store

BUTTONS = {"pay": "Pay", "book": "Book", "donate": "Donate"}


@dataclass(frozen=True)
class Pages:
    """The views, bound to the sandbox's memory."""

    store: Store

    def show(self, session_id: str) -> ResponseReturnValue:
        """GET /c/pay/<session>: the form, or the truth about a session that is over."""
        with self.store.transaction():
            session = self.store.find("checkout.session", session_id)
            if session is None:
                return page("missing.html", status=404)
            session = sessions.current(self.store, session)
            if session["status"] != "open":
                return page("over.html", session=session, **_ways(session))
            return self._form(session, payer.fresh(self.store, session))

    def pay(self, session_id: str) -> ResponseReturnValue:
        """POST /c/pay/<session>: pays once, however often it is sent."""
        with self.store.transaction():
            session = self.store.find("checkout.session", session_id)
            if session is None:
                return page("missing.html", status=404)
            session = sessions.current(self.store, session)
            if session["status"] == "complete":
                return redirect(sessions.success_url(session), 303)
            if session["status"] != "open":
                return redirect(f"/c/pay/{session_id}", 303)
            given = payer.read(self.store, session, request.form)
            if given.problems:
                return self._form(session, given, status=422)
            return self._try(session, given)

    def _try(self, session: Json, given: Payer) -> ResponseReturnValue:
        method = payer.payment_method(self.store, given)
        try:
            intent = sessions.pay(self.store, session, method, email=given.email, is_saving=given.is_saving)
        except CardDeclinedError as refusal:
            return self._form(session, given, status=402, declined=refusal.message)
        if intent["status"] == "requires_action":
            return redirect(f"/c/authenticate/{intent['id']}", 303)
        return redirect(sessions.success_url(session), 303)

    def _form(
        self, session: Json, given: Payer, *, status: int = 200, declined: str | None = None
    ) -> ResponseReturnValue:
        hidden = self.store.hidden(session["id"])
        lines = zip(hidden["line_items"]["data"], hidden["notes"], strict=True)
        return page(
            "checkout.html",
            status=status,
            session=session,
            lines=list(lines),
            payer=given,
            declined=declined,
            is_email_known=bool(payer.known_email(self.store, session)),
            saved=payment_methods.saved_cards(self.store, session["customer"]),
            debit=sessions.debit_of(session),
            debit_names=cards.DEBIT_NAMES,
            offers_saving=hidden["is_saving"] and bool(session["customer"]),
            cards=cards.CARDS,
            button=BUTTONS.get(session["submit_type"] or "pay", "Pay"),
            **_ways(session),
        )

    def ask(self, intent_id: str) -> ResponseReturnValue:
        """GET /c/authenticate/<intent>: the bank asks whether it is really the payer."""
        intent = self.store.find("payment_intent", intent_id)
        if intent is None:
            return page("missing.html", status=404)
        if intent["status"] != "requires_action":
            return redirect(self._way_back(intent), 303)
        return page("authenticate.html", intent=intent, targets=_origins(self._way_on(intent)))

    def answer(self, intent_id: str) -> ResponseReturnValue:
        """POST /c/authenticate/<intent> with `outcome` complete or fail."""
        with self.store.transaction():
            intent = self.store.find("payment_intent", intent_id)
            if intent is None:
                return page("missing.html", status=404)
            way_back = self._way_back(intent)
            if intent["status"] == "requires_action":
                return self._answered(intent, request.form.get("outcome") == "complete")
        return redirect(way_back, 303)

    def _answered(self, intent: Json, is_payer: bool) -> ResponseReturnValue:  # noqa: FBT001 - the one answer
        session = self._session_of(intent)
        if not is_payer:
            payment_intents.fail_authentication(self.store, intent)
        elif session:
            sessions.resume(self.store, session, intent)
        else:
            method = self.store.get("payment_method", intent["payment_method"])
            payment_intents.pay(self.store, intent, method, is_authenticated=True)
        if session and not is_payer:
            given = payer.fresh(self.store, session)
            words = (
                "We are unable to authenticate your payment method. Please choose a different payment method "
                "and try again."
            )
            return self._form(session, given, status=402, declined=words)
        if session:
            return redirect(sessions.success_url(session), 303)
        outcome = "succeeded" if is_payer else "failed"
        return redirect(_with_outcome(self._return_url(intent), intent, outcome), 303)

    def _session_of(self, intent: Json) -> Json | None:
        found = self.store.where("checkout.session", payment_intent=intent["id"])
        return found[0] if found else None

    def _way_on(self, intent: Json) -> str:
        """Where a yes leads: the shop's page, while `_way_back` of an unpaid session is the form here."""
        session = self._session_of(intent)
        return sessions.success_url(session) if session else self._return_url(intent)

    def _way_back(self, intent: Json) -> str:
        session = self._session_of(intent)
        if session is None:
            return self._return_url(intent) or "/_sandbox/"
        return sessions.success_url(session) if session["status"] == "complete" else f"/c/pay/{session['id']}"

    def _return_url(self, intent: Json) -> str:
        return self.store.hidden(intent["id"]).get("return_url") or ""

    def receipt(self, intent_id: str) -> ResponseReturnValue:
        """GET /receipts/<intent>."""
        intent = self.store.find("payment_intent", intent_id)
        if intent is None or intent["status"] != "succeeded":
            return page("missing.html", status=404)
        return page("receipt.html", intent=intent)


def blueprint(store: Store) -> Blueprint:
    """The hosted pages under their addresses."""
    pages, hosted = Pages(store), Blueprint("hosted", __name__)
    hosted.add_url_rule("/c/pay/<session_id>", "show", pages.show)
    hosted.add_url_rule("/c/pay/<session_id>", "pay", pages.pay, methods=["POST"])
    hosted.add_url_rule("/c/authenticate/<intent_id>", "ask", pages.ask)
    hosted.add_url_rule("/c/authenticate/<intent_id>", "answer", pages.answer, methods=["POST"])
    hosted.add_url_rule("/receipts/<intent_id>", "receipt", pages.receipt)
    return hosted


def page(template: str, *, status: int = 200, targets: tuple[str, ...] = (), **facts: object) -> Response:
    """A page that runs nothing. `targets` are the origins its forms may lead to, redirects included."""
    reply = Response(render_template(template, **facts), status, content_type="text/html; charset=utf-8")
    actions = " ".join(("'self'", *targets))
    reply.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'self'; img-src 'self'; form-action {actions}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    reply.headers["Cache-Control"] = "no-store"
    return reply


def _ways(session: Json) -> Json:
    """Where the payer may go from here."""
    done = sessions.success_url(session)
    return {"success_url": done, "cancel_url": session["cancel_url"], "targets": _origins(done)}


def _origins(url: str) -> tuple[str, ...]:
    """The origin of a URL, for the page's policy: Chromium checks a form's redirects too."""
    parts = urlsplit(url)
    return (f"{parts.scheme}://{parts.netloc}",) if parts.netloc else ()


def _with_outcome(return_url: str, intent: Json, outcome: str) -> str:
    """What Stripe adds to a `return_url`."""
    facts = {
        "payment_intent": intent["id"],
        "payment_intent_client_secret": intent["client_secret"],
        "redirect_status": outcome,
    }
    joint = "&" if urlsplit(return_url).query else "?"
    return f"{return_url}{joint}{urlencode(facts)}" if return_url else "/_sandbox/"
