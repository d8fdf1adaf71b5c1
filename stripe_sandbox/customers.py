"""Customers: who pays, as the merchant knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_sandbox import events, listing, metadata, shapes
from stripe_sandbox.payment_methods import ADDRESS_FIELDS
from stripe_sandbox.store import new_id

if TYPE_CHECKING:
    from stripe_sandbox.api import Call
    from stripe_sandbox.errors import Json

PLAIN = ("name", "email", "description", "phone")


def create(call: Call) -> Json:
    """POST /v1/customers."""
    given = call.params
    customer = call.store.add(
        shapes.blank(
            "customer",
            id=new_id("cus_", 14),
            address=_address(given.get("address")),
            balance=0,
            created=call.store.now(),
            delinquent=False,
            invoice_prefix=new_id("", 8).upper(),
            invoice_settings=dict.fromkeys(("custom_fields", "default_payment_method", "footer", "rendering_options")),
            livemode=False,
            metadata=metadata.new(given.get("metadata")),
            next_invoice_sequence=1,
            preferred_locales=given.get("preferred_locales", []),
            tax_exempt="none",
            **{field: given.get(field) or None for field in PLAIN},
        )
    )
    events.emit(call.store, "customer.created", customer)
    return customer


def _address(given: Json | str | None) -> Json | None:
    if not isinstance(given, dict):
        return None
    return {field: given.get(field) or None for field in ADDRESS_FIELDS}


def retrieve(call: Call, customer: str) -> Json:
    """GET /v1/customers/{customer}."""
    return call.store.asked("customer", customer, param="id", in_path=True)


def update(call: Call, customer: str) -> Json:
    """POST /v1/customers/{customer}; an empty value clears a field."""
    found = call.store.asked("customer", customer, param="id", in_path=True)
    before = dict(found)
    given = dict(call.params)
    if "metadata" in given:
        found["metadata"] = metadata.merged(found["metadata"], given["metadata"])
    if "address" in given:
        found["address"] = _address(given["address"])
    if "preferred_locales" in given:
        found["preferred_locales"] = given["preferred_locales"] or []
    if "invoice_settings" in given:
        wanted = given["invoice_settings"].get("default_payment_method")
        if wanted:
            call.store.asked("payment_method", wanted, param="invoice_settings[default_payment_method]")
        found["invoice_settings"] = found["invoice_settings"] | {"default_payment_method": wanted or None}
    found |= {field: given[field] or None for field in PLAIN if field in given}
    call.store.save(found)
    previous = {field: before[field] for field in found if found[field] != before[field]}
    if previous:
        events.emit(call.store, "customer.updated", found, previous=previous)
    return found


def list_all(call: Call) -> Json:
    """GET /v1/customers."""
    return listing.page(call, "customer", "/v1/customers", equal=("email",))
