"""What a checkout session may be asked to be, checked, and how it looks when it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_sandbox import currencies, metadata, payment_intents, shapes
from stripe_sandbox.errors import NotSupportedError, ParameterError

if TYPE_CHECKING:
    from stripe_sandbox.errors import Json
    from stripe_sandbox.store import Store

SHORTEST_SECONDS, LONGEST_SECONDS = 30 * 60, 24 * 3600
SLACK_SECONDS = 60  # between the caller's clock and ours
LONGEST_URL = 5_000
PAYMENT_ALONE = ("line_items", "payment_intent_data", "submit_type", "saved_payment_method_options")
SETUP_ALONE = ("setup_intent_data",)
NEEDED = {"payment": ("success_url", "line_items"), "setup": ("success_url",)}


def check(store: Store, given: Json) -> None:
    """Raises ParameterError for what Stripe would not accept, NotSupportedError for what the sandbox cannot do."""
    mode = given.get("mode")
    if not mode:
        raise _missing("mode")
    if mode not in NEEDED:
        raise NotSupportedError(f"mode={mode}", param="mode")
    for name in NEEDED[mode]:
        if not given.get(name):
            raise _missing(name)
    for name in SETUP_ALONE if mode == "payment" else PAYMENT_ALONE:
        if name in given:
            raise ParameterError(f"You can not pass `{name}` in `{mode}` mode.", param=name)
    if mode == "setup" and not (given.get("currency") or given.get("allowed_payment_method_types")):
        raise ParameterError(
            "You must provide either `currency` or `allowed_payment_method_types` in `setup` mode.",
            code="parameter_missing",
            param="currency",
        )
    if given.get("ui_mode", "hosted_page") != "hosted_page":
        raise NotSupportedError(f"ui_mode={given['ui_mode']}", param="ui_mode")
    if given.get("adaptive_pricing", {}).get("enabled"):
        raise NotSupportedError("adaptive_pricing", param="adaptive_pricing[enabled]")
    for name in ("success_url", "cancel_url"):
        _check_url(given.get(name), name)
    _check_payer(store, given)


def _missing(name: str) -> ParameterError:
    return ParameterError(f"Missing required param: {name}.", code="parameter_missing", param=name)


def _check_payer(store: Store, given: Json) -> None:
    if given.get("customer") and given.get("customer_email"):
        raise ParameterError("You may only specify one of these parameters: customer, customer_email.")
    if given.get("customer"):
        store.asked("customer", given["customer"], param="customer")
    if len(given.get("client_reference_id", "")) > 200:
        raise ParameterError("client_reference_id can be up to 200 characters.", param="client_reference_id")


def _check_url(url: str | None, name: str) -> None:
    if url is None:
        return
    scheme, _, rest = url.partition("://")
    if scheme not in {"http", "https"} or not rest.split("/")[0]:
        raise ParameterError("Not a valid URL", code="url_invalid", param=name)
    if len(url) > LONGEST_URL:
        raise ParameterError(f"URL must be {LONGEST_URL} characters or less.", code="url_invalid", param=name)


def expiry(store: Store, asked: int | None) -> int:
    """When the session ends: half an hour to a day from now."""
    now = store.now()
    if asked is None:
        return now + LONGEST_SECONDS
    if not now + SHORTEST_SECONDS - SLACK_SECONDS <= asked <= now + LONGEST_SECONDS + SLACK_SECONDS:
        raise ParameterError(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    return asked


def types(given: Json, currency: str | None) -> list[str]:
    """What one may pay with: everything for the currency, or those of it that the merchant allows."""
    asked = given.get("allowed_payment_method_types")
    offered = payment_intents.types_for(currencies.checked(currency, param="currency")) if currency else ["card"]
    if asked is None:
        return offered
    for kind in asked:
        if kind not in offered:
            raise NotSupportedError(f"{kind} in {currency}", param="allowed_payment_method_types")
    return [kind for kind in offered if kind in asked]


def blank(store: Store, given: Json, session_id: str) -> Json:
    """An open session nobody has seen; its amounts and methods are the caller's to add."""
    is_setup = given["mode"] == "setup"
    no_invoice = dict.fromkeys(
        ("account_tax_ids", "custom_fields", "description", "footer", "issuer", "rendering_options")
    )
    return shapes.blank(
        "checkout.session",
        id=session_id,
        adaptive_pricing=None if is_setup else {"enabled": False},
        allowed_payment_method_types=given.get("allowed_payment_method_types"),
        automatic_tax={"enabled": False, "liability": None, "provider": None, "status": None},
        cancel_url=given.get("cancel_url"),
        client_reference_id=given.get("client_reference_id"),
        created=store.now(),
        custom_fields=[],
        custom_text=dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        customer=given.get("customer"),
        customer_creation=None if given.get("customer") else "if_required",
        customer_email=given.get("customer_email"),
        invoice_creation=None if is_setup else {"enabled": False, "invoice_data": no_invoice | {"metadata": {}}},
        livemode=False,
        locale=given.get("locale"),
        metadata=metadata.new(given.get("metadata")),
        mode=given["mode"],
        payment_intent=None,  # made when the customer pays, since API version 2022-08-01
        payment_method_collection="always" if is_setup else "if_required",
        payment_method_options={"card": {"request_three_d_secure": "automatic"}},
        payment_status="no_payment_required" if is_setup else "unpaid",
        saved_payment_method_options=_saving(given.get("saved_payment_method_options")),
        shipping_options=[],
        status="open",
        submit_type=given.get("submit_type"),
        success_url=given["success_url"],
        total_details=None if is_setup else {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        ui_mode="hosted_page",
        url=f"{store.base_url}/c/pay/{session_id}",
    )


def _saving(asked: Json | None) -> Json | None:
    if asked is None:
        return None
    return {
        "allow_redisplay_filters": asked.get("allow_redisplay_filters") or ["always"],
        "payment_method_remove": "disabled",
        "payment_method_save": asked.get("payment_method_save"),
    }
