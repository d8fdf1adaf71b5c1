"""Every operation the sandbox serves: Stripe's address, the verb behind it, and the parameters it honours.

A parameter Stripe knows and the sandbox would ignore is refused by name, so that nothing the application
sends is silently lost. Dotted names are nested ones; a name stands for everything below it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stripe_sandbox import (
    account,
    balance,
    charges,
    customers,
    disputes,
    events,
    payment_intents,
    payment_methods,
    refunds,
    sessions,
    setup_intents,
)
from stripe_sandbox.errors import Json, NotSupportedError
from stripe_sandbox.forms import paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PAGING = "limit starting_after ending_before"
CUSTOMER = "name email description phone address metadata preferred_locales"
INTENT_DATA = ("capture_method", *sessions.INTENT_TERMS)


@dataclass(frozen=True)
class Operation:
    """One thing the API can do. `template` is Stripe's own address."""

    method: str
    template: str
    verb: Callable[..., Json]
    honoured: frozenset[str]

    def check(self, params: Json) -> None:
        """Raises NotSupportedError for a parameter the verb would ignore."""
        for path in paths(params):
            parts = path.split(".")
            if not any(".".join(parts[: n + 1]) in self.honoured for n in range(len(parts))):
                raise NotSupportedError(f"the parameter {path} here", param=path)


def _get(template: str, verb: Callable[..., Json], honoured: str = "") -> Operation:
    return Operation("GET", template, verb, frozenset(honoured.split()) | {"expand"})


def _list(template: str, verb: Callable[..., Json], honoured: str = "") -> Operation:
    return _get(template, verb, f"{PAGING} {honoured}")


def _post(template: str, verb: Callable[..., Json], *honoured: str) -> Operation:
    return Operation("POST", template, verb, frozenset(" ".join(honoured).split()) | {"expand"})


def _below(name: str, inner: Iterable[str]) -> str:
    return " ".join(f"{name}.{each}" for each in inner)


OPERATIONS = (
    _get("/v1/account", account.retrieve),
    _post("/v1/customers", customers.create, CUSTOMER),
    _list("/v1/customers", customers.list_all, "email created"),
    _get("/v1/customers/{customer}", customers.retrieve),
    _post("/v1/customers/{customer}", customers.update, CUSTOMER, "invoice_settings.default_payment_method"),
    _list("/v1/customers/{customer}/payment_methods", payment_methods.list_for_customer, "type allow_redisplay"),
    _list("/v1/payment_methods", payment_methods.list_all, "customer type allow_redisplay"),
    _get("/v1/payment_methods/{payment_method}", payment_methods.retrieve),
    _post("/v1/payment_methods/{payment_method}/detach", payment_methods.detach),
    _post(
        "/v1/checkout/sessions",
        sessions.create,
        "mode ui_mode success_url cancel_url client_reference_id customer customer_email currency expires_at",
        "metadata submit_type locale adaptive_pricing.enabled allowed_payment_method_types",
        "saved_payment_method_options.payment_method_save saved_payment_method_options.allow_redisplay_filters",
        "line_items.quantity line_items.metadata setup_intent_data.description setup_intent_data.metadata",
        _below(
            "line_items.price_data",
            ("currency", "unit_amount", "product_data.name", "product_data.description"),
        ),
        _below("payment_intent_data", INTENT_DATA),
    ),
    _list("/v1/checkout/sessions", sessions.list_all, "customer payment_intent status created"),
    _get("/v1/checkout/sessions/{session}", sessions.retrieve),
    _get("/v1/checkout/sessions/{session}/line_items", sessions.list_line_items, "limit"),
    _post("/v1/checkout/sessions/{session}/expire", sessions.expire),
    _post(
        "/v1/payment_intents",
        payment_intents.create,
        "amount currency customer payment_method confirm off_session return_url",
        "automatic_payment_methods.enabled automatic_payment_methods.allow_redirects",
        " ".join(INTENT_DATA),
    ),
    _list("/v1/payment_intents", payment_intents.list_all, "customer created"),
    _get("/v1/payment_intents/{intent}", payment_intents.retrieve),
    _post(
        "/v1/payment_intents/{intent}/confirm",
        payment_intents.confirm,
        "payment_method off_session return_url",
    ),
    _post("/v1/payment_intents/{intent}/cancel", payment_intents.cancel, "cancellation_reason"),
    _list("/v1/setup_intents", setup_intents.list_all, "customer payment_method created"),
    _get("/v1/setup_intents/{intent}", setup_intents.retrieve),
    _list("/v1/charges", charges.list_all, "customer payment_intent created"),
    _get("/v1/charges/{charge}", charges.retrieve),
    _list("/v1/balance_transactions", balance.list_all, "currency source type created"),
    _get("/v1/balance_transactions/{id}", balance.retrieve),
    _post("/v1/refunds", refunds.create, "amount charge payment_intent reason metadata"),
    _list("/v1/refunds", refunds.list_all, "charge payment_intent created"),
    _get("/v1/refunds/{refund}", refunds.retrieve),
    _list("/v1/disputes", disputes.list_all, "charge payment_intent created"),
    _get("/v1/disputes/{dispute}", disputes.retrieve),
    _post("/v1/disputes/{dispute}", disputes.update, "metadata submit", _below("evidence", disputes.EVIDENCE)),
    _post("/v1/disputes/{dispute}/close", disputes.close),
    _list("/v1/events", events.list_all, "type types created delivery_success"),
    _get("/v1/events/{id}", events.retrieve),
)
