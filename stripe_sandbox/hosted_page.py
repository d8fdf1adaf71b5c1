"""The page the payer sees: plain forms, no script, one answer to each state of the session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, redirect, request

from stripe_sandbox import authentication, cards, payer, session_course, sessions
from stripe_sandbox.errors import CardDeclinedError, Json
from stripe_sandbox.pages import origins, page

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
                return page("over.html", session=session, **ways(session))
            return self.form(session, payer.fresh(self.store, session))

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
                return self.form(session, given, status=422)
            return self._try(session, given)

    def _try(self, session: Json, given: Payer) -> ResponseReturnValue:
        method = payer.payment_method(self.store, given)
        try:
            intent = session_course.pay(self.store, session, method, email=given.email, is_saving=given.is_saving)
        except CardDeclinedError as refusal:
            return self.form(session, given, status=402, declined=refusal.message)
        if intent["status"] == "requires_action":
            return redirect(f"/c/authenticate/{intent['id']}", 303)
        return redirect(sessions.success_url(session), 303)

    def form(
        self, session: Json, given: Payer, *, status: int = 200, declined: str | None = None
    ) -> ResponseReturnValue:
        """The form of an open session, as far as it is filled in."""
        hidden = self.store.hidden(session["id"])
        items = hidden["line_items"]["data"] if hidden["line_items"] else []
        return page(
            "checkout.html",
            status=status,
            session=session,
            lines=list(zip(items, hidden["notes"], strict=True)),
            payer=given,
            declined=declined,
            is_email_known=bool(payer.known_email(self.store, session)),
            saved=payer.saved_cards(self.store, session),
            debit=sessions.debit_of(session),
            debit_names=cards.DEBIT_NAMES,
            offers_saving=hidden["is_saving"] and bool(session["customer"]),
            cards=cards.CARDS,
            is_setup=session["mode"] == "setup",
            button=BUTTONS.get(session["submit_type"] or "pay", "Pay"),
            **ways(session),
        )

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
    question = authentication.Question(store, pages)
    hosted.add_url_rule("/c/authenticate/<intent_id>", "ask", question.ask)
    hosted.add_url_rule("/c/authenticate/<intent_id>", "answer", question.answer, methods=["POST"])
    hosted.add_url_rule("/receipts/<intent_id>", "receipt", pages.receipt)
    return hosted


def ways(session: Json) -> Json:
    """Where the payer may go from here."""
    done = sessions.success_url(session)
    return {"success_url": done, "cancel_url": session["cancel_url"], "targets": origins(done)}
