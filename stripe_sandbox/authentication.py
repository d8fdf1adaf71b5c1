"""The bank's own page (3-D Secure): is it really the payer? Then back to where the payment began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from flask import redirect, request

from stripe_sandbox import payer, payment_intents, session_course, sessions, setup_intents
from stripe_sandbox.errors import CardDeclinedError, Json
from stripe_sandbox.pages import origins, page

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from stripe_sandbox.hosted_page import Pages
    from stripe_sandbox.store import Store

NOT_AUTHENTICATED = (
    "We are unable to authenticate your payment method. Please choose a different payment method and try again."
)


@dataclass(frozen=True)
class Question:
    """The views. An intent belongs to a checkout session, or to a payment the merchant's server confirmed."""

    store: Store
    pages: Pages

    def ask(self, intent_id: str) -> ResponseReturnValue:
        """GET /c/authenticate/<intent>: the bank's question."""
        intent = self._intent(intent_id)
        if intent is None:
            return page("missing.html", status=404)
        if intent["status"] != "requires_action":
            return redirect(self._way_back(intent), 303)
        return page("authenticate.html", intent=intent, targets=origins(self._way_on(intent)))

    def answer(self, intent_id: str) -> ResponseReturnValue:
        """POST /c/authenticate/<intent> with `outcome` complete or fail."""
        with self.store.transaction():
            intent = self._intent(intent_id)
            if intent is None:
                return page("missing.html", status=404)
            if intent["status"] != "requires_action":
                return redirect(self._way_back(intent), 303)
            session = self._session_of(intent)
            is_payer = request.form.get("outcome") == "complete"
            return self._at_session(session, intent, is_payer) if session else self._alone(intent, is_payer)

    def _at_session(self, session: Json, intent: Json, is_payer: bool) -> ResponseReturnValue:  # noqa: FBT001 - the one answer
        session = sessions.current(self.store, session)
        if session["status"] != "open":
            return redirect(self._way_back(intent), 303)
        words = NOT_AUTHENTICATED
        if is_payer:
            try:
                session_course.resume(self.store, session, intent)
                return redirect(sessions.success_url(session), 303)
            except CardDeclinedError as refusal:
                words = refusal.message
        elif intent["object"] == "setup_intent":
            setup_intents.fail_authentication(self.store, intent)
        else:
            payment_intents.fail_authentication(self.store, intent)
        return self.pages.form(session, payer.fresh(self.store, session), status=402, declined=words)

    def _alone(self, intent: Json, is_payer: bool) -> ResponseReturnValue:  # noqa: FBT001 - the one answer
        outcome = "failed"
        if is_payer:
            method = self.store.get("payment_method", intent["payment_method"])
            try:
                payment_intents.pay(self.store, intent, method, is_authenticated=True)
                outcome = "succeeded"
            except CardDeclinedError:
                pass  # the intent says why; the merchant looks it up
        else:
            payment_intents.fail_authentication(self.store, intent)
        return redirect(_with_outcome(self._return_url(intent), intent, outcome), 303)

    def _intent(self, intent_id: str) -> Json | None:
        return self.store.find("payment_intent", intent_id) or self.store.find("setup_intent", intent_id)

    def _session_of(self, intent: Json) -> Json | None:
        found = self.store.where("checkout.session", **{intent["object"]: intent["id"]})
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


def _with_outcome(return_url: str, intent: Json, outcome: str) -> str:
    """What Stripe adds to a `return_url`."""
    facts = {
        "payment_intent": intent["id"],
        "payment_intent_client_secret": intent["client_secret"],
        "redirect_status": outcome,
    }
    joint = "&" if urlsplit(return_url).query else "?"
    return f"{return_url}{joint}{urlencode(facts)}" if return_url else "/_sandbox/"
